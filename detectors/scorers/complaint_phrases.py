# ruff: noqa: E501, ISC004  patterns are data: a line holds alternatives that belong together
r"""How people ask an assistant for a person, and how they reject its answer, in seven languages.

Everything is lower case with plain apostrophes and single blanks, in RE2 syntax. There is no ``\b`` beside
letters that are not ASCII, since it knows those alone.
"""

from __future__ import annotations

_HUMAN = (
    r"(?:human|real person|(?:live |human |real |support |service |customer )+"
    r"(?:agent|representative|rep|operator|person|being|advisor|adviser|support|service|staff)"
    r"|representative|operator|(?:your )?(?:manager|supervisor)|actual person|someone real|somebody real)\b"
)
ASKS_FOR_HUMAN = (
    r"\b(?:talk|speak|chat|connect|transfer|escalate|put|pass|hand|forward)(?:ed|ing)?\b"
    rf"(?: \w+)? ?(?:through |over |on )?(?:to|with) (?:(?:a|an|the|another|some|one of your) )?{_HUMAN}",
    rf"\b(?:want|need|get me|give me|let me have|prefer) (?:(?:a|an|another) )?{_HUMAN}",
    r"^(?:please,? )?(?:human|agent|representative|operator)(?:,? please)?[.! ]*$",
    r"hablar con (?:una? |el |la |alg[uú]n )?(?:persona|humano|agente|operador|operadora|representante"
    r"|asesor|supervisor|gerente|encargado)",
    r"(?:quiero|necesito|p[aá]s[ae]me con) (?:a )?un(?:a)? (?:persona real|humano|agente)",
    r"mit (?:einem |einer |dem |ihrem )?(?:echten |richtigen |menschlichen )?(?:menschen|mitarbeiter\w*"
    r"|berater\w*|vorgesetzten|support|kundendienst|kundenservice)(?: \w+){0,3}? "
    r"(?:sprechen|reden|chatten|verbinden|verbunden)",
    r"verbinden sie mich|echten menschen sprechen",
    r"parler (?:à|avec) (?:un |une |le |la |votre )?(?:vrai |vraie |véritable )?(?:humain|personne|conseiller"
    r"|conseillère|agent|opérateur|responsable|superviseur)",
    r"falar com (?:uma? |o |a |algum )?(?:pessoa|humano|atendente|agente|operador|representante|gerente)",
    r"parlare con (?:una? |il |la |un vero |una vera )?(?:persona|umano|operatore|operatrice|agente"
    r"|responsabile)",
    r"(?:met|door) (?:een |de )?(?:echte? |echt )?(?:mens|persoon|medewerker|manager)(?: \w+){0,2}? ?"
    r"(?:spreken|praten|doorverbonden|chatten)",
)
OBJECTS = (
    r"\b(?:that|this|it)(?:'s| is|s)? (?:just |still |simply |completely |totally |also )*(?:not |n't )"
    r"(?:what i (?:asked|meant|said|wanted|need|was)|(?:right|correct|true|working|helpful|my question)\b)",
    r"\b(?:isn'?t|wasn'?t|not) what i(?:'m| am)? (?:asked|ask|meant|mean|said|want|wanted|looking|was)",
    r"\b(?:that|this)(?:'s| is|s) (?:just |still |completely |totally |simply )*(?:wrong|incorrect|useless|nonsense)\b",
    r"\byou(?:'re| are|r) (?:just |still |clearly |completely )*(?:wrong|mistaken|not (?:listening|helping"
    r"|answering|understanding)|misunderstanding|no help|useless|contradicting)\b",
    r"\byou(?:'ve| have)? (?:just |still |clearly |completely |totally )*(?:misunderst\w+|misread"
    r"|did(?:n'?t| not) (?:answer|read|listen|understand|help)|got (?:it|that|this) wrong|made (?:that|this|it) up"
    r"|ignored|keep (?:repeating|saying|giving|getting|making)|(?:are )?not answer\w*)",
    r"\bi (?:did(?:n'?t| not)|never) (?:ask|say|mean|want|request)(?:ed)? (?:for )?(?:that|this|you)\b",
    r"\bi (?:already|just) (?:told you|said|asked|gave you|answered)",
    r"\banswer my (?:actual )?question\b",
    r"^(?:no|nope|wrong|incorrect)[,.!]+ (?:i (?:asked|meant|said|want)|not that|you )",
    r"^(?:wrong|incorrect|not true|false)[.! ]*$",
    r"\bstill (?:wrong|incorrect|not (?:right|correct|working)|does(?:n'?t| not) (?:work|answer|help))",
    r"no es (?:eso )?lo que (?:te |le )?(?:pregunt|ped|quer|dije|dig)\w*|(?:eso|esto) (?:est[aá] mal|no es (?:correcto"
    r"|cierto|verdad))|te equivocas|se equivoca\b|est[aá]s equivocado|no me (?:has|ha) entendido|no entendiste"
    r"|ya te (?:lo )?(?:dije|he dicho)",
    r"das ist (?:so )?(?:falsch|nicht (?:richtig|korrekt|das|was ich))|das stimmt (?:so )?nicht|das habe ich "
    r"nicht (?:gefragt|gemeint|gesagt)|du (?:irrst|liegst falsch|verstehst (?:mich )?nicht|hast (?:mich )?(?:falsch|nicht)"
    r" verstanden)|sie (?:irren|haben mich (?:falsch|nicht) verstanden)|immer noch (?:falsch|nicht richtig)",
    r"ce n'?est pas (?:ce que|correct|vrai|juste|la bonne|ma question)|c'?est (?:faux|incorrect|inexact)\b"
    r"|(?:tu te trompes|vous vous trompez)|tu n'?as pas (?:compris|répondu)|vous n'?avez pas (?:compris|répondu)"
    r"|je n'?ai pas demandé|toujours (?:faux|pas correct)",
    r"(?:isso )?não (?:é|foi) (?:isso|o que eu)|isso (?:está|tá) errado|você (?:está errado|errou|não entendeu"
    r"|não respondeu)",
    r"non è (?:quello|ciò) che (?:ho|volevo|intendevo|chiedevo)|(?:è|questo è) sbagliato|(?:ti sbagli|si sbaglia)\b"
    r"|non hai (?:capito|risposto)|non ha (?:capito|risposto)",
    r"dat (?:klopt niet|is (?:fout|niet (?:juist|wat ik)))|je (?:begrijpt|snapt) (?:me|het) niet|dat vroeg ik niet",
)
