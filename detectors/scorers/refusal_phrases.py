# ruff: noqa: E501, ISC004  patterns are data: a line holds alternatives that belong together
r"""How assistants refuse, per language: a negated ability, then what is not done; and phrases that say both.

Everything is lower case with plain apostrophes and single blanks, in RE2 syntax (whose ``\b`` knows ASCII
letters only). ``can_not`` and ``act`` stand in one sentence, at most ``gap`` characters apart, in this order
or, where the verb comes last (``verb_last``), in the other. Negations are of the first person, so that an
answer about what something else cannot do is none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """Refusals in one language or a group of close ones."""

    language: str
    can_not: str
    act: str
    phrases: tuple[str, ...] = ()
    gap: int = 24
    verb_last: bool = False


ENGLISH_CAN_NOT = (
    r"(?:\b(?:i|we)|\b(?:ai|model|assistant)(?: (?:developed|created|trained|made) by \w+)?,? (?:and|so|which|that|i))(?:,? (?:also|really|simply|personally|respectfully|truly|just|still|therefore|however|absolutely|as an ai"
    r"|as an ai language model|as a responsible ai|as an assistant))?,? ?"
    r"(?:can ?not|can'?t|could not|couldn'?t|will not|won'?t|would not|wouldn'?t|(?:am|'m|are|'re) (?:not able|unable) to"
    r"|(?:am|'m|are|'re) not (?:programmed|designed|allowed|permitted|authorized|going|trained|supposed|at liberty|qualified"
    r"|in a position|comfortable|capable of|willing|here)(?: to)?|(?:am|'m) (?:prohibited|forbidden|restricted) from"
    r"|do(?: not|n'?t) (?:feel comfortable|have the (?:ability|capability|capacity) to|wish to|want to)"
    r"|must (?:decline|refuse) to|have to (?:decline|refuse) to|(?:decline|refuse) to|should not|shouldn'?t|do not|don'?t)"
)
ENGLISH_BETWEEN = frozenset({
    "in", "good", "conscience", "and", "or", "not", "will", "would", "can", "can't", "cannot", "won't",
    "ethically", "legally", "morally", "directly", "simply", "just", "also", "really", "be", "able", "to",
    "under", "any", "circumstances", "possibly", "personally", "willingly", "knowingly", "intentionally",
    "actually", "currently", "therefore", "even", "ever", "ethical", "encourage", "assist", "help",
    "support", "fully", "properly", "feel", "generate", "provide", "engage", "either", "further",
    "continue", "offer", "give", "create", "produce", "promote", "nor", "i",
})  # fmt: skip
"""Words that may stand between the two in English, where anything else changes the meaning."""

ENGLISH_ACT = (
    r"(?:provid(?:e|ing)|assist(?:ing)?|help(?:ing)?|fulfil\w*|answer(?:ing)?|respond(?:ing)?|reply|comply|complying"
    r"|giv(?:e|ing) (?:you|any|advice|instructions|information|guidance|out|tips|medical|legal|financial|a |an )"
    r"|offer(?:ing)? (?:you|any|advice|instructions|information|guidance|tips|suggestions|medical|legal|a |an |support|help)"
    r"|support (?:or|any|the|such|this|that|you)|engag(?:e|ing)|creat(?:e|ing)|generat(?:e|ing)|writ(?:e|ing)|discuss(?:ing)?"
    r"|shar(?:e|ing)|recommend(?:ing)?|suggest(?:ing)?|advis(?:e|ing)|encourag(?:e|ing)|do (?:that|this|so)\b|complet(?:e|ing)"
    r"|produc(?:e|ing)|participat(?:e|ing)|facilitat(?:e|ing)|promot(?:e|ing)|condon(?:e|ing)|endors(?:e|ing)"
    r"|tell(?:ing)? you|teach(?:ing)?|explain(?:ing)? how|show(?:ing)? you|mak(?:e|ing) (?:jokes|fun|assumptions|that|such|any"
    r"|light|statements|judg\w+|a joke|up)|process(?:ing)?|accommodat(?:e|ing)|satisfy|entertain|speculat(?:e|ing)"
    r"|contribut(?:e|ing)|be (?:used|a party|part of|involved)|disclos(?:e|ing)|reveal(?:ing)?|perform|execut(?:e|ing)"
    r"|carry out|go along|justify(?:ing)?|act as|pretend|role-?play|draft|take part|proceed|advocat(?:e|ing)|instruct"
    r"|guide you|meet (?:this|that|your)|aid |fabricat(?:e|ing)|have (?:access to|the ability to|real-time|information"
    r"|any information|the capability)|comment on|address (?:this|that|your)|grant|describe how|list)"
)


ENGLISH_PHRASES = (
    # an apology, then a negation
    r"\b(?:sorry|apologi[sz]e|apologies|afraid),? (?:\w+ ){0,4}?(?:but|however|that|for any inconvenience, but)?,? ?"
    r"(?:i|we|this|that) (?:can ?not|can'?t|am not able|'m not able|am unable|'m unable|won'?t|will not|do not have"
    r"|don'?t have|must decline)",
    # a judgement of the request
    r"\b(?:it|that|this)(?:'s| is| would be)(?: also| simply| highly| completely| generally| never| absolutely)? "
    r"(?:not (?:appropriate|ethical|acceptable|respectful|right|okay|ok)|inappropriate|unethical|harmful)[^.?!\n]{0,60}?"
    r" to (?:provide|ask|suggest|make|use|discuss|give|promote|encourage|engage|share|offer|help|assist|request|create"
    r"|write|generate|seek|attempt|plan|harm|say|joke|celebrate|glorify|speak|perpetuate|assume|stereotype|discriminate"
    r"|judge)",
    r"\bagainst (?:my|our|openai'?s?|anthropic'?s?) (?:programming|guidelines?|polic|principles|values|ethic|content|use"
    r"|usage|terms|safety|core)",
    r"\bviolat(?:e|es|ing) (?:my|our|openai'?s?|content|ethical|community|usage) ",
    r"\bmy (?:guidelines|programming|purpose|training|principles) (?:prevents?|prohibits?|forbids?|does not allow"
    r"|do not allow|don'?t allow)",
    r"\b(?:not within|outside(?: of)?|beyond) my (?:programming|ethical|capabilities|scope|guidelines|abilities)",
    r"\bi(?: must| have to|'ll have to| need to| will)? (?:respectfully |politely |firmly )?(?:decline|refuse)\b",
    # openings that reject the question itself
    r"^(?:(?:but|however),? )?(?:it(?:'s| is)|that(?:'s| is)|this is) (?:important to (?:note|remember) that it is )?"
    r"(?:(?:also )?(?:not|never) (?:accurate or |right or |respectful or |legal or |safe or )?"
    r"(?:appropriate|ethical|acceptable|respectful|legal and|okay to|right to)|(?:highly |completely |deeply )?"
    r"(?:inappropriate|unethical|unacceptable|illegal and))",
    r"^(?:i|we) (?:strongly |firmly |do not |don't |cannot |must )(?:condemn|condone|disagree with the"
    r"|politely challenge|respectfully disagree)",
    r"^i do(?: not|n't) (?:think|believe)(?: that)? it(?:'s| is|'d be| would be) (?:appropriate|accurate|fair|right"
    r"|ethical|respectful|helpful|productive)",
    r"^(?:can ?not|can'?t|unable to) (?:help|assist|comply|do that|provide|answer)",
)

LATIN: tuple[Phrases, ...] = (
    Phrases(
        "es",
        r"\bno (?:puedo|podemos|podr[íi]a|podr[ée]|me es posible|estoy (?:autorizad|capacitad|programad|en condiciones"
        r"|en posici[óo]n|disponible)|me siento c[óo]mod|voy a|soy capaz)",
        r"(?:ayud|asist|proporcion|ofrec|respond|cumpl|complac|dar(?:te|le|les)? |facilit|brind|particip|generar|crear"
        r"|escrib|compart|hacer (?:eso|esto)|promov|apoy|recomend|suger|discut|satisf|atend|realiz|contest|continu"
        r"|revelar|proveer|hablar (?:de|sobre))",
        (
            r"(?:lo siento|lo lamento|disculp[ae]|perd[óo]n)[^.!?\n]{0,30}\bno (?:puedo|podemos|me es posible)",
            r"lamento (?:mucho )?no poder",
            r"\bme temo que no",
            r"(?:va|ir[íi]a) en contra de (?:mis|nuestras)",
            r"debo (?:rechazar|declinar|negarme)",
        ),
    ),
    Phrases(
        "fr",
        r"\b(?:(?:je|nous) ne (?:peux|pouvons|pourrais?|pourrai|suis|sommes|saurais|vais|souhaite)|il m'est impossible"
        r"|je suis dans l'impossibilit|je refuse)",
        r"(?:aider|assister|fournir|répondre|accéder|donner|proposer|offrir|satisfaire|générer|créer|écrire|rédiger"
        r"|partager|participer|encourager|promouvoir|soutenir|discuter|faire (?:cela|ça)|traiter|communiquer|divulguer"
        r"|recommander|conseiller|expliquer comment|vous dire|vous montrer)",
        (
            r"désolée?[^.!?\n]{0,30}\bje ne (?:peux|suis|pourrai)",
            r"je (?:regrette|crains)[^.!?\n]{0,20} (?:je )?ne (?:peux|pouvoir|pas)",
            r"(?:contraire|va à l'encontre) (?:à|de) mes",
            r"je dois (?:refuser|décliner)",
        ),
        gap=40,
    ),
    Phrases(
        "de",
        r"\b(?:(?:ich|wir) (?:kann|können|darf|dürfen|werde|möchte)|(?:kann|können|darf|werde) (?:ich|wir))\b"
        r"[^.!?\n]{0,60}\b(?:nicht|kein|keine|keinen|nichts)\b|\bich bin nicht (?:in der lage|befugt|berechtigt)",
        r"(?:helfen|behilflich|unterstütz|beantwort|bereitstell|bereitzustell|geben|liefern|anbieten|anzubieten"
        r"|erfüllen|nachkommen|entsprechen|erstell|schreiben|generier|teilen|dienen|empfehl|verraten|diskutier"
        r"|\btun\b|durchführ|assistier|eingehen|befürwort|antworten|machen\.)",
        (
            r"tut mir leid[^.!?\n]{0,20} (?:ich kann|das kann ich|dabei kann ich|da kann ich|ich darf|ich bin nicht)",
            r"\b(?:ich )?(?:muss|möchte) (?:das|dies|diese|die|ihre|deine|es)[^.!?\n]{0,30}ablehnen",
            r"gegen meine (?:richtlinien|programmierung|prinzipien|grundsätze|nutzungs)",
        ),
        gap=40,
    ),
    Phrases(
        "it",
        r"\bnon (?:posso|possiamo|sono in grado|mi è possibile|potrei|potrò|sono autorizzat|intendo|sono programmat)",
        r"(?:aiut|assist|forni|rispond|risposta|soddisf|dar(?:ti|le|vi)?\b|offri|crea|genera|scriv|condivid|partecip"
        r"|promuov|sosten|discut|proced|esaud|accontent|esegui|rivel|consigl|sugger|farlo|fare (?:questo|ciò))",
        (
            r"(?:mi dispiace|spiacente|mi scuso)[^.!?\n]{0,20}\bnon (?:posso|sono|possiamo)",
            r"devo (?:rifiutare|declinare)",
            r"contro le mie (?:linee|politiche)",
        ),
    ),
    Phrases(
        "pt",
        r"\bn[ãa]o (?:posso|podemos|consigo|poderia|poderei|estou (?:autorizad|programad|apt)|sou capaz|me sinto|vou)",
        r"(?:ajud|auxili|assist|fornec|respond|respost|atend|oferec|dar |criar|gerar|escrev|compartilh|partilh|particip"
        r"|promov|apoi|discut|fazer (?:isso|isto)|cumpri|prosseguir|revelar|recomend|suger|prestar)",
        (
            r"(?:desculp|lamento|sinto muito|pe[çc]o desculpa)[^.!?\n]{0,25}\bn[ãa]o (?:posso|consigo|podemos|poderei)",
            r"(?:preciso|devo|tenho que) recusar",
            r"vai contra (?:minhas|as minhas)",
        ),
    ),
    Phrases(
        "nl",
        r"\b(?:(?:ik|we|wij) (?:kan|kunnen|mag|zal|ga)|(?:kan|mag|zal) ik)\b[^.!?\n]{0,50}\b(?:niet|geen)\b"
        r"|\bik ben niet in staat",
        r"(?:helpen|assister|beantwoord|geven|verstrek|bieden|voldoen|maken|schrijven|genereren|delen|ondersteun"
        r"|meewerken|aanbevelen|\bdoen\b|bespreken|ingaan|verlenen)",
        (
            r"(?:sorry|spijt me)[^.!?\n]{0,15} (?:ik kan|dat kan ik|daar kan ik|hier kan ik|daarbij kan ik|hiermee kan ik)",
            r"ik moet (?:dit|dat|uw|je)[^.!?\n]{0,25}(?:weigeren|afwijzen)",
        ),
        gap=36,
    ),
    Phrases(
        "sv da nb",
        r"\b(?:jag|jeg|vi) (?:kan|får|vil|kommer)(?: \S{3,12}){0,3}? (?:inte|ikke)\b|\b(?:kan jag|kan jeg)[^.!?\n]{0,30}(?:inte|ikke)",
        r"(?:hj[äæe]lp|bistå|assistera|assistere|svara|svare|\bge\b|\bgi\b|\bgive\b|tillhandahåll|levere|erbjud|tilby"
        r"|skapa|skriva|skrive|\bdela\b|\bdele\b|uppfyll|oppfyll|opfyld|rekommend|anbefal|göra det|gjøre det|gøre det)",
        (
            r"(?:ledsen|beklagar|beklager|undskyld|desværre|dessverre|tyvärr)[^.!?\n]{0,20} (?:jag|jeg) kan (?:inte|ikke)",
        ),
    ),
    Phrases(
        "fi",
        r"\ben (?:valitettavasti )?(?:voi|pysty)\b",
        r"(?:autta|avusta|vastata|vastaamaan|antaa|antamaan|tarjota|luoda|kirjoitta|jakaa|toteutta|tehdä sitä)",
    ),
    Phrases(
        "pl",
        r"\bnie (?:mogę|moge|możemy|jestem w stanie|będę|jestem upoważnion|jestem uprawnion|chcę)",
        r"(?:pomóc|pomoc|pomaga|udzieli|odpowied|dostarcz|poda[ćc]|zapewni|spełni|stworzy|napisa|wygenerowa|udostępni"
        r"|wspiera|zrealizow|zrobi[ćc] tego|uczestnicz|doradz|zaleca|omawia|kontynuow|przedstawi)",
        (r"(?:przykro mi|przepraszam|niestety)[^.!?\n]{0,15} nie (?:mogę|jestem|możemy)", r"muszę odmówić"),
    ),
    Phrases(
        "cs sk",
        r"\b(?:nemohu|nem[ůo]žu|nem[ôo]žem|nejsem schop|nie som schopn|nedok[áa]žu)",
        r"(?:pomoc|pomôc|asistovat|odpov[ěe]d|poskytn|vytvo[řr]i|napsat|napísať|spln|sd[íi]let|vyhov[ěe])",
    ),
    Phrases(
        "ro",
        r"\bnu (?:pot|putem|sunt în măsură|sunt capabil)",
        r"(?:ajut|asist|ofer|furniz|răspund|crea|scrie|genera|îndeplin|particip|recomand)",
    ),
    Phrases(
        "hu",
        r"\bnem (?:tudok|tudom|áll módomban|vagyok képes|lehetek)",
        r"(?:segíteni|segítség|válaszol|adni|teljesíteni|létrehozni|megírni|megadni|támogatni)",
        (r"\bnem (?:segíthetek|válaszolhatok|adhatok|teljesíthetem|írhatok)",),
    ),
    Phrases(
        "tr",
        r"(?:olamam|olamıyorum|olamayacağım|olamayız|edemem|edemiyorum|edemeyeceğim|veremem|veremiyorum|veremeyeceğim"
        r"|sağlayamam|sağlayamıyorum|sağlayamayacağım|sunamam|sunamıyorum|getiremem|getiremiyorum|yapamam|yapamıyorum"
        r"|oluşturamam|oluşturamıyorum|yazamam|yazamıyorum|paylaşamam|yanıtlayamam|cevaplayamam|mümkün değil)",
        r"(?:yardım|bilgi|yanıt|cevap|talimat|tavsiye|istek|istediğ|talep|soru|içerik|bunu|destek|konuda)",
        (r"üzgünüm[^.!?\n]{0,80}(?:amam|emem|amıyorum|emiyorum|amayız|mümkün değil)",),
        verb_last=True,
        gap=40,
    ),
    Phrases(
        "id ms",
        r"\b(?:saya|kami|aku)(?: (?:mohon maaf|minta maaf))?,? (?:tidak|tak|nggak) (?:dapat|bisa|boleh|mampu)",
        r"(?:membantu|bantu|memberi|menjawab|menyediakan|memenuhi|membuat|menulis|membagi|mendukung|melakukan"
        r"|menghasilkan|melayani|berpartisipasi)",
        (r"\bmaaf[^.!?\n]{0,30} (?:tidak|tak) (?:dapat|bisa|boleh)",),
    ),
    Phrases(
        "vi",
        r"(?:tôi|mình|chúng tôi)(?: rất tiếc)? (?:không thể|không được phép|không có khả năng|không có quyền)",
        r"(?:giúp|hỗ trợ|cung cấp|trả lời|đáp ứng|thực hiện|tạo|viết|chia sẻ|đưa ra|tham gia|tiếp tục)",
        (r"xin lỗi[^.!?\n]{0,30}không thể",),
    ),
    Phrases(
        "tl sw",
        r"\b(?:hindi (?:ko|po ako|ako|kita|po kita)|siwezi|hatuwezi|samahani,? siwezi)",
        r"(?:matutulung|maaaring (?:tul|magbigay)|makakapagbigay|maibibigay|masasagot|makakatulong|kukusaidia|kusaidia"
        r"|kutoa|kujibu|kukupa|kuandika)",
    ),
)

CYRILLIC_AND_GREEK: tuple[Phrases, ...] = (
    Phrases(
        "ru",
        r"не (?:могу|можем|смогу|сможем|буду|в состоянии|имею права|уполномочен|вправе|готов|намерен)",
        r"(?:помочь|помогать|предостав|ответ|отвеч|выполн|дать|давать|созда|написа|сгенерир|поддерж|обсужда|участв"
        r"|рекоменд|подсказа|сделать это|делиться|поделиться|продолж|консультир|советовать|содейств|раскры|рассказать)",
        (
            r"(?:извините|простите|сожале|приношу извинения|прошу прощения)[^.!?\n]{0,30}не (?:могу|смогу|можем)",
            r"вынужден[аы]? (?:вам )?отказ",
            r"противоречит (?:моим|нашим|правилам)",
        ),
        gap=40,
    ),
    Phrases(
        "uk",
        r"не (?:можу|зможу|можемо|буду|маю права)",
        r"(?:допомог|надат|надава|відпов|викона|створ|написа|підтрим|поділит|рекоменд|обговор)",
        (r"(?:вибачте|перепрошую|на жаль|шкода)[^.!?\n]{0,30}не (?:можу|зможу)",),
        gap=40,
    ),
    Phrases(
        "bg sr mk",
        r"не (?:мога|можем|мога да|могу да|можам да)",
        r"(?:помогна|помогнем|помогнам|предоставя|отговоря|изпълня|помоћи|помогнем|пружим|дам )",
    ),
    Phrases(
        "el",
        r"δεν (?:μπορώ|μπορούμε|είμαι σε θέση|επιτρέπεται)",
        r"(?:βοηθ|παρέχ|παράσχ|απαντ|δώσω|εκπληρ|δημιουργ|γράψω|συμμετ|υποστηρ)",
        gap=30,
    ),
)

SEMITIC_AND_PERSIAN: tuple[Phrases, ...] = (
    Phrases(
        "ar",
        r"(?:(?:لا|لن) (?:أستطيع|استطيع|يمكنني|يمكننا|أقدر|نستطيع|أتمكن|أملك)|لست (?:قادر|مخول|مؤهل)|غير قادر)",
        r"(?:مساعد|تقديم|تقدم|الإجابة|الاجابة|الرد|توفير|إعطا|اعطا|تلبية|إنشاء|كتابة|المشاركة|مشاركة|القيام|دعم|تنفيذ"
        r"|المتابعة|مناقشة|تزويد|التعامل|إنتاج)",
        (
            r"(?:آسف|اسف|عذرا|عذرًا|أعتذر|نعتذر|المعذرة)[^.!؟\n]{0,40}(?:لا|لن) (?:أستطيع|استطيع|يمكنني|يمكننا|أقدر)",
            r"(?:يتعارض|يخالف|تتعارض) مع (?:سياس|مبادئ|إرشادات)",
        ),
        gap=30,
    ),
    Phrases(
        "fa",
        r"(?:نمی ?توانم|نمی ?تونم|قادر نیستم|نمی ?توانیم|امکان ?پذیر نیست)",
        r"(?:کمک|پاسخ|ارائه|اطلاعات|انجام|همکاری|راهنمایی|جواب)",
        (
            r"(?:متأسفم|متاسفم|ببخشید|عذرخواهی)[^.!؟\n]{0,30}نمی ?توانم",
            r"نمی ?توانم[^.!؟\n]{0,40}(?:کمک|پاسخ|ارائه)",
        ),
        verb_last=True,
        gap=40,
    ),
    Phrases(
        "ur",
        r"(?:نہیں (?:کر|دے|بتا) سک|قاصر ہوں|سے قاصر)",
        r"(?:مدد|معلومات|جواب|فراہم|مشورہ|ہدایات)",
        verb_last=True,
        gap=40,
    ),
    Phrases(
        "he",
        r"(?:אינני|איני|אני לא|לא) (?:יכול|יכולה|מסוגל|מסוגלת|אוכל|רשאי|רשאית)",
        r"(?:לעזור|לסייע|לספק|לענות|להשיב|ליצור|לכתוב|לתת|לשתף|למלא|להמשיך|לבצע|להציע)",
        (r"(?:מצטער|מצטערת|סליחה)[^.!?\n]{0,25}(?:לא יכול|לא אוכל|איני יכול|אינני יכול)",),
    ),
)

ASIAN: tuple[Phrases, ...] = (
    Phrases(
        "zh",
        r"(?:我(?:们|們)?(?:目前|暂时|暫時|真的|也|并|並|实在|也许|将)?(?:无法|無法|不能|不会|不會|没办法|沒辦法|没法|无权|不便)"
        r"|(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[，,。！! ]{0,3}(?:但是?)?(?:我)?(?:无法|無法|不能|没办法|沒辦法|不便)"
        r"|(?:作为|作為)(?:一个|一個|一名|一款)?(?:人工智能|人工智慧|ai|大?型?语言模型|大?型?語言模型)[^。！？\n]{0,30}"
        r"(?:无法|無法|不能|不会|不會))",
        r"(?:提供|帮助|幫助|帮您|帮你|协助|協助|回答|满足|滿足|回应|回應|给出|給出|给您|给你|完成|生成|创作|創作|撰写|撰寫|编写"
        r"|分享|讨论|討論|支持|参与|參與|执行|執行|处理|處理|透露|告诉您|告诉你|继续|建议|推荐|答复|为您|为你|為您)",
        (r"违反(?:了)?(?:我的|我们的|相关)?(?:使用政策|准则|原则|规定)", r"(?:我必须|我不得不)拒绝"),
        gap=24,
    ),
    Phrases(
        "ja",
        r"(?:できません|出来ません|できかねます|致しかねます|いたしかねます|しかねます|ことはできない|わけにはいきません"
        r"|お断り|控えさせて|差し控え|になれません)",
        r"(?:お答え|回答|お手伝い|手伝|提供|対応|お応え|応え|支援|サポート|作成|生成|協力|お教え|教え|共有|お伝え"
        r"|アドバイス|実行|ご案内|お力)",
        (
            r"(?:申し訳(?:ありません|ございません|ないのですが)|すみません|ごめんなさい|恐れ入ります)[^。！\n]{0,40}"
            r"(?:できません|できかねます|いたしかねます|致しかねます|お断り)",
            r"お断り(?:します|いたします|させて)",
        ),
        verb_last=True,
        gap=16,
    ),
    Phrases(
        "ko",
        r"(?:수(?:는|가|도)? 없(?:습니다|어요|네요|음|다)|불가능합니다|어렵습니다|거부합니다|거절합니다|못합니다|할 수 없)",
        r"(?:도와|도움|제공|답변|대답|응답|지원|알려|작성|생성|수행|안내|드릴|공유|참여|말씀|응해|따를)",
        (r"(?:죄송|미안|유감)[^.!?\n]{0,50}(?:수(?:는|가|도)? 없|어렵습니다|불가능)",),
        verb_last=True,
        gap=16,
    ),
    Phrases(
        "th",
        r"(?:ไม่สามารถ|ไม่อาจ|ไม่ได้รับอนุญาตให้|ขอปฏิเสธ)",
        r"(?:ช่วย|ให้ข้อมูล|ตอบ|ให้คำแนะนำ|ให้คำตอบ|สนับสนุน|ทำตาม|สร้าง|เขียน|แบ่งปัน|ดำเนินการ)",
        gap=18,
    ),
    Phrases(
        "hi",
        r"(?:नहीं (?:कर|दे|बता|लिख|बना) (?:सकता|सकती|सकते|पाऊंगा|पाऊँगा|पाऊंगी|पाऊँगी)|असमर्थ (?:हूं|हूँ|हैं)|अक्षम हूं)",
        r"(?:मदद|सहायता|जानकारी|उत्तर|जवाब|प्रदान|सलाह|अनुरोध|समर्थन|निर्देश|बता|साझा)",
        verb_last=True,
        gap=36,
    ),
    Phrases(
        "bn",
        r"(?:পারব না|পারবো না|পারছি না|পারি না|অক্ষম)",
        r"(?:সাহায্য|সহায়তা|তথ্য|উত্তর|প্রদান|পরামর্শ)",
        verb_last=True,
        gap=36,
    ),
)
