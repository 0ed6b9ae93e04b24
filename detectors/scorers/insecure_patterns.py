# ruff: noqa: E501, S105  patterns are data: a line is one way to write one weakness
r"""What insecure code looks like, by weakness (CWE): literals that have to be there, then a pattern, in RE2 syntax.

A pattern is only tried where one of its ``literals`` stands in the code, so that ordinary code costs a few
searches for words. ``unless`` are words that show the line to be careful; with ``anywhere`` they may stand
elsewhere in the code. Only what is rarely right is here: a multiplication inside ``malloc``, ``rand()`` in a
game or ``unsafe`` in Rust are weaknesses on paper and ordinary in answers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weakness:
    """One way to write one weakness."""

    cwe: str
    literals: tuple[str, ...]
    pattern: str
    unless: tuple[str, ...] = ()
    anywhere: bool = False


_SQL = r"(?i:select\s[^\n]{0,200}\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from)"
_SQL_WORDS = (
    "select ",
    "SELECT ",
    "Select ",
    "insert ",
    "INSERT ",
    "update ",
    "UPDATE ",
    "delete ",
    "DELETE ",
)
_FROM_REQUEST = r"(?:\$_(?:GET|POST|REQUEST|COOKIE)|\breq(?:uest)?\.(?:query|params|body|args|GET|POST|form|values|getParameter|QueryString)|\br\.URL\.Query|\br\.FormValue)"
_SECRET = r"(?i:token|secret|passw|passphrase|salt|nonce|\botp|_otp|session_?id|csrf|api_?key|verification_?code|\biv\b)"
_WEAK_RANDOM = r"(?:\brandom\.(?:choices?|randint|randrange|random|sample|getrandbits)\(|Math\.random\(|\b(?:mt_)?rand\(|\bnew (?:java\.util\.)?Random\(|\brand\.(?:Int\w*|Read|Seed|Float64)\(|\buniqid\(|Random\.Range\()"

WEAKNESSES: tuple[Weakness, ...] = (
    # commands
    Weakness("CWE-78", ("os.system", "os.popen", "commands.get"), r"\b(?:os\.(?:system|popen)|commands\.get(?:status)?output)\s*\(\s*(?:[A-Za-z_]|[\"'][^\n]*[\"']\s*(?:%|\+|\.format))"),
    Weakness("CWE-78", ("shell=True", "shell = True"), r"shell\s*=\s*True"),
    Weakness("CWE-78", ("system(", "system ("), r"(?:^|[^.\w>:\"'])system\s*\(\s*(?:[a-z_$]|[\"'][^\n]*[\"']\s*[.+])"),
    Weakness("CWE-78", ("exec(", "popen(", "passthru("), r"(?:\b(?:shell_exec|passthru|proc_open|popen)|(?:^|[^.\w>:])exec)\s*\(\s*(?:\$|[\"'][^\n]*[\"']\s*\.\s*\$|\"[^\"\n]*\$)"),
    Weakness("CWE-78", (".exec(",), r"getRuntime\(\)\s*\.exec\s*\(|\bchild_process\b[^\n]*\.exec\s*\(|Runtime\s*\.\s*exec\("),
    Weakness("CWE-78", ("exec(", "execSync("), r"(?:^|[^.\w])exec(?:Sync)?\s*\(\s*(?:`[^`]*\$\{|[\"'][^\n]*[\"']\s*\+)"),
    Weakness("CWE-78", ("exec.Command",), r"exec\.Command(?:Context)?\s*\([^\n]*\"(?:sh|bash|/bin/sh|/bin/bash|cmd)\"\s*,\s*\"(?:-c|/C)\""),
    Weakness("CWE-78", ("Process.Start",), r"Process\.Start\s*\(\s*(?:[a-z_]\w*\s*\)|[^)\n]*\+)"),
    Weakness("CWE-78", ("Command::new",), r"Command::new\s*\(\s*(?:[a-z_]\w*|&\w+)\s*\)|Command::new\s*\(\s*\"(?:sh|bash)\"\s*\)"),
    # code from data
    Weakness("CWE-95", ("eval(", "eval (", "exec(", "exec ("), r"(?:^|[^.\w>:$])(?:eval|exec)\s*\(\s*(?:[A-Za-z_]|[\"'][^\n]*[\"']\s*(?:%|\+|\.format))", ("literal_eval", "exec()")),
    Weakness("CWE-95", ("new Function(",), r"\bnew Function\s*\("),
    Weakness("CWE-95", ("eval(",), r"\beval\s*\(\s*\$"),
    Weakness("CWE-94", ("render_template_string", "from_string"), r"render_template_string\s*\(\s*(?:[a-z_]\w*|f[\"'])|\.from_string\s*\(\s*[a-z_]"),
    # objects from data
    Weakness("CWE-502", ("pickle", "dill", "shelve", "marshal", "joblib", "jsonpickle"), r"\b(?:c?[pP]ickle|dill|marshal|joblib|jsonpickle)\.(?:loads?|decode|Unpickler)\s*\(|\bshelve\.open\s*\("),
    Weakness("CWE-502", ("yaml.load", "YAML.load"), r"(?:yaml|YAML)\.(?:load|load_all|unsafe_load)\s*\(", ("SafeLoader", "safe_load", "safe=")),
    Weakness("CWE-502", ("ObjectInputStream", "XMLDecoder", "BinaryFormatter", "NetDataContractSerializer", "LosFormatter", "TypeNameHandling"), r"new ObjectInputStream\s*\(|new XMLDecoder\s*\(|\bBinaryFormatter\s*\(|\b(?:NetDataContractSerializer|LosFormatter)\s*\(|TypeNameHandling\.(?:All|Auto|Objects)"),
    Weakness("CWE-502", ("unserialize(", "Marshal.load"), r"\bunserialize\s*\(\s*\$|\bMarshal\.load\s*\("),
    # queries
    Weakness("CWE-89", _SQL_WORDS, rf"(?:^|[^A-Za-z])f(?:\"\"\"|'''|\"|')\s*{_SQL}[^\n]*\{{"),
    Weakness("CWE-89", _SQL_WORDS, rf"[\"']\s*{_SQL}[^\"\n]*(?:\"|')\s*(?:%\s*[(\w]|\.format\s*\(|\+\s*[A-Za-z_(]|\.\s*\$|<<)"),
    Weakness("CWE-89", _SQL_WORDS, rf"`\s*{_SQL}[^`]*\$\{{"),
    Weakness("CWE-89", _SQL_WORDS, rf"\"\s*{_SQL}[^\"\n]*(?:'\{{?\$[a-z_]|=\s*\{{?\$[a-z_{{]|\(\s*'?\{{?\$[a-z_]|\$_(?:GET|POST|REQUEST|COOKIE))"),
    Weakness("CWE-89", _SQL_WORDS, rf"(?:Sprintf|[sS]tring\.[fF]ormat|format!|sprintf)\s*\(\s*[$@]?\"\s*{_SQL}[^\"\n]*(?:%[sdv]|\{{\w*\}})|\$@?\"\s*{_SQL}[^\"\n]*\{{"),
    Weakness("CWE-89", ("execute(", "executemany("), r"\.execute(?:many)?\s*\(\s*(?:f[\"']|[\"'][^\n]*[\"']\s*(?:%\s*[(\w]|\.format|\+))"),
    Weakness("CWE-89", ("EXEC", "exec", "EXECUTE IMMEDIATE", "execute immediate"), r"(?i)\bexec(?:ute)?\s*\(\s*@|\bexecute\s+immediate\b[^;]*\|\||\bsp_executesql\b[^;\n]*\+"),
    Weakness("CWE-643", ("xpath", "XPath", "SelectSingleNode", "SelectNodes"), r"(?:[xX][pP]ath\w*|SelectSingleNode|SelectNodes|evaluate)\s*\(\s*(?:[sS]tring\.[fF]ormat|f[\"']|[$]\"|[\"'][^\n;]*[\"']\s*(?:\+|%|\.format))"),
    Weakness("CWE-943", ("$where", "req.body"), r"\$where[\"']?\s*:|\.(?:find|findOne|update|deleteOne|deleteMany)\s*\(\s*req\.(?:body|query)\s*[,)]"),
    # buffers and formats
    Weakness("CWE-120", ("strcpy", "strcat", "stpcpy", "wcscpy", "wcscat"), r"\b(?:l?strcpy[AW]?|l?strcat[AW]?|stpcpy|wcscpy|wcscat|_tcscpy|_tcscat)\s*\("),
    Weakness("CWE-120", ("sprintf",), r"(?:^|[^\w.>:$])v?sprintf\s*\(\s*[^\"'$\s%@)]"),
    Weakness("CWE-120", ("scanf",), r"scanf\s*\(\s*(?:\w+\s*,\s*)?\"[^\"\n]*%s"),
    Weakness("CWE-242", ("gets(", "gets ("), r"(?:^|[^.\w>])gets\s*\(\s*[A-Za-z_&*]"),
    Weakness("CWE-134", ("printf", "syslog"), r"(?:^|[^\w.>:$])(?:printf\s*\(|fprintf\s*\(\s*\w+\s*,|syslog\s*\(\s*\w+\s*,)\s*[a-z_]\w*(?:\[\d+\])?\s*\)"),
    Weakness("CWE-377", ("tmpnam", "tempnam", "mktemp("), r"\b(?:tmpnam|tempnam|mktemp)(?:_r)?\s*\("),
    Weakness("CWE-908", ("allocUnsafe", "new Buffer("), r"\ballocUnsafe\s*\(|\bnew Buffer\s*\(\s*[A-Za-z_]"),
    # hashes and ciphers
    Weakness("CWE-328", ("md5", "sha1", "MD5", "SHA1", "SHA-1", "Md5", "Sha1"), r"\bhashlib\.(?:md5|sha1)\b|hashlib\.new\s*\(\s*[\"'](?:md5|sha1)|createH(?:ash|mac)\s*\(\s*[\"'](?:md5|sha1)|getInstance\s*\(\s*\"(?:MD[245]|SHA-?1|SHA)\"|DigestUtils\.(?:md5|sha1|sha)(?:Hex)?\s*\(|Hashing\.(?:md5|sha1)\s*\(|\b(?:md5|sha1)\.(?:New|Sum)\s*\(|\b(?:Md5|Sha1)::(?:new|digest)\s*\(|\b(?:MD5|SHA1)(?:Managed|Cng|CryptoServiceProvider)?(?:\.Create|\s*\()|\b(?:MD5|SHA1|MD4)_(?:Init|Update)|EVP_(?:md[245]|sha1)\b|Digest::(?:MD5|SHA1)|(?:^|[^\w.>:])(?:md5|sha1)\s*\(\s*[$\"]|CryptoJS\.(?:MD5|SHA1)\b|GetBytes\(\"(?:MD5|SHA1)\"|Insecure\.(?:MD5|SHA1)", ("usedforsecurity=False",)),
    Weakness("CWE-327", ("DES", "RC4", "RC2", "ECB", "ecb", "des", "rc4", "ARC4", "Blowfish", "bf_", "getInstance(\"AES\")", "createCipher("), r"getInstance\s*\(\s*\"(?:DES|DESede|RC[24]|ARCFOUR|Blowfish|AES\"|AES/ECB|RSA/ECB/PKCS1)|\b(?:DES3?|ARC[24]|Blowfish)\.new\s*\(|MODE_ECB|modes\.ECB\b|CipherMode\.ECB|\.createCipher\s*\(|createCipheriv\s*\(\s*[\"'](?:des|rc4|[\w-]*-ecb)|\b(?:des|rc4)\.New(?:TripleDES)?Cipher\s*\(|\b(?:DES|TripleDES|RC2)CryptoServiceProvider|\b(?:TripleDES|DES|RC2)\.Create\s*\(|EVP_(?:des|rc4|rc2|bf)_|EVP_aes_\d+_ecb|mcrypt_\w+|[\"'](?:des|aes-\d+)-ecb[\"']|CryptoJS\.(?:DES|RC4|TripleDES)\b|algorithms\.(?:ARC4|Blowfish|TripleDES)\b"),
    # chance where an attacker must not guess
    Weakness("CWE-338", ("random", "rand(", "Random", "rand.", "uniqid"), rf"{_SECRET}[^\n]{{0,80}}{_WEAK_RANDOM}|{_WEAK_RANDOM}[^\n]{{0,80}}{_SECRET}", ("secrets.", "SystemRandom", "SecureRandom", "crypto/rand", "getRandomValues", "randomBytes"), anywhere=True),
    Weakness("CWE-338", ("random.", "Math.random", "rand(", "rand.", "Random("), rf"(?:def|function|func|fn|static)\s[^\n(]{{0,60}}{_SECRET}[^\n]*\n(?:[^\n]*\n){{0,9}}?[^\n]*{_WEAK_RANDOM}", ("secrets.", "SystemRandom", "SecureRandom", "crypto/rand", "getRandomValues", "randomBytes"), anywhere=True),
    # trust in who answers
    Weakness("CWE-295", ("verify=False", "verify = False", "CERT_NONE", "_create_unverified_context", "check_hostname"), r"\bverify\s*=\s*False|CERT_NONE|_create_unverified_context|check_hostname\s*=\s*False"),
    Weakness("CWE-295", ("rejectUnauthorized", "NODE_TLS_REJECT_UNAUTHORIZED", "InsecureSkipVerify", "danger_accept_invalid", "CURLOPT_SSL_VERIFY", "ALLOW_ALL_HOSTNAME", "NoopHostnameVerifier", "ServerCertificateValidationCallback", "ServerCertificateCustomValidationCallback", "SslVerifyMode::NONE", "VERIFY_NONE"), r"rejectUnauthorized[\"']?\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED[\"']?\]?\s*=\s*[\"']?0|InsecureSkipVerify\s*:\s*true|danger_accept_invalid_\w+\s*\(\s*[a-z]|CURLOPT_SSL_VERIFY(?:PEER|HOST)\s*(?:,|=>)\s*(?:false|FALSE|0)|ALLOW_ALL_HOSTNAME_VERIFIER|NoopHostnameVerifier|ServerCertificate(?:Custom)?ValidationCallback[^\n]*true|SslVerifyMode::NONE|VERIFY_NONE"),
    Weakness("CWE-347", ("verify_signature", "\"none\"", "'none'", "ParseUnverified"), r"[\"']verify_signature[\"']\s*:\s*False|\balg(?:orithms?)?[\"']?\s*[:=]\s*\[?\s*[\"']none[\"']|\.ParseUnverified\s*\("),
    Weakness("CWE-208", ("hmac", "signature", "digest", "Signature", "Digest"), r"(?:hmac|[sS]ignature|[dD]igest(?:\(\))?)\s*(?:===?|!==?)\s*[A-Za-z_]", ("null", "None", "undefined", "nil", "nullptr", "length", "\""),),
    # pages, paths, addresses from a request
    Weakness("CWE-79", ("innerHTML", "outerHTML", "document.write", "insertAdjacentHTML"), r"\b(?:inner|outer)HTML\s*\+?=\s*(?:[A-Za-z_$]|`[^`]*\$\{|[\"'][^\n;]*[\"']\s*\+)|document\.write(?:ln)?\s*\(\s*(?:[A-Za-z_$]|[\"'][^\n]*[\"']\s*\+)", ("DOMPurify", "sanitize", "escape")),
    Weakness("CWE-79", ("dangerouslySetInnerHTML", "mark_safe", "Markup(", "template.HTML(", "v-html"), r"dangerouslySetInnerHTML|\b(?:mark_safe|Markup)\s*\(\s*(?:[a-z_]|f[\"'])|template\.HTML\s*\(\s*[a-z]|\bv-html\s*=", ("DOMPurify", "sanitize", "escape")),
    Weakness("CWE-79", ("$_GET", "$_POST", "$_REQUEST", "getParameter", "req.query", "req.params", "req.body"), r"\b(?:echo|print)\s*\(?[^;\n]*\$_(?:GET|POST|REQUEST|COOKIE)|getWriter\(\)\s*\.\s*(?:print|println|write)\s*\([^;\n]*getParameter|\bres\.(?:send|write|end)\s*\([^;\n]*\breq\.(?:query|params|body)", ("htmlspecialchars", "htmlentities", "escape", "encode", "filter_")),
    Weakness("CWE-22", ("include", "require", "fopen", "readfile", "file_get_contents", "unlink"), r"\b(?:include|require)(?:_once)?\s*\(?[^;\n]*\$_(?:GET|POST|REQUEST|COOKIE)|\b(?:fopen|readfile|file_get_contents|unlink|file_put_contents)\s*\([^;\n]*\$_(?:GET|POST|REQUEST)", ("basename", "realpath")),
    Weakness("CWE-22", ("open(", "sendFile", "send_file", "readFile", "os.Open", "extractall", "createReadStream"), rf"(?:\bopen|\bsendFile|\bsend_file|\breadFile(?:Sync)?|os\.(?:Open|ReadFile)|createReadStream)\s*\([^;\n]*{_FROM_REQUEST}|\.extractall\s*\(\s*(?:[a-z_\"']|\))", ("basename", "secure_filename", "filter=", "filepath.Base")),
    Weakness("CWE-601", ("header(", "redirect(", "Redirect(", "sendRedirect("), r"\bheader\s*\(\s*[\"']Location[^;\n]*\$_(?:GET|POST|REQUEST)|\bredirect\s*\(\s*(?:\w+\.)?req(?:uest)?\.\w+|\bsendRedirect\s*\([^;\n]*getParameter|http\.Redirect\s*\([^;\n]*(?:FormValue|Query\(\))|return Redirect\(returnUrl\)"),
    Weakness("CWE-918", ("requests.", "urlopen", "fetch(", "axios", "http.Get", "curl_init", "file_get_contents", "new URL("), rf"(?:requests\.(?:get|post|head|put)|urlopen|\bfetch|axios(?:\.\w+)?|http\.Get|curl_init|new URL)\s*\(\s*[^;\n]{{0,60}}{_FROM_REQUEST}"),
    Weakness("CWE-611", ("DocumentBuilderFactory", "SAXParserFactory", "XMLInputFactory", "SAXReader", "SAXBuilder", "LIBXML_NOENT", "resolve_entities=True", "noent: true"), r"\b(?:DocumentBuilderFactory|SAXParserFactory|XMLInputFactory)\.new(?:Instance|Factory)\s*\(|new SAX(?:Reader|Builder)\s*\(|LIBXML_NOENT|resolve_entities\s*=\s*True|noent\s*:\s*true", ("disallow-doctype-decl", "FEATURE_SECURE_PROCESSING", "SUPPORT_DTD", "external-general-entities", "ACCESS_EXTERNAL_DTD"), anywhere=True),
    Weakness("CWE-345", ("postMessage",), r"postMessage\s*\([^;\n]*,\s*[\"']\*[\"']\s*\)"),
    Weakness("CWE-352", ("csrf", "Csrf"), r"@csrf_exempt|csrf\(\)\s*\.\s*disable\(\)|AbstractHttpConfigurer::disable|csrf\s*->\s*csrf\.disable\(\)"),
    Weakness("CWE-942", ("Access-Control-Allow-Origin", "allow_origins"), r"Access-Control-Allow-Origin[\"']?\s*[,:]\s*[\"']\*[\"']|allow_origins\s*=\s*\[\s*[\"']\*[\"']\s*\][^)]*allow_credentials\s*=\s*True"),
    # what an operator leaves open
    Weakness("CWE-732", ("777", "S_IRWXO"), r"\bchmod\s*\([^)\n]*\b0?o?777|\bchmod\s+(?:-R\s+)?0?777\b|os\.(?:FileMode\()?[^)\n]*0o?777|\bS_IRWXO\b"),
    Weakness("CWE-489", ("debug=True", "debug = True", "display_errors"), r"\.run\s*\([^)\n]*debug\s*=\s*True|display_errors[\"']\s*,\s*[\"']?(?:on|On|1)"),
    Weakness("CWE-798", ("passw", "Passw", "PASSW", "secret", "SECRET", "Secret", "key", "KEY", "Key", "token", "TOKEN", "Token"), r"(?i)(?:passw(?:or)?d|pwd|secret|api_?key|access_?key|token|credential)\w*[\"'\]]*\s*(?:=|:|=>|:=)\s*[\"']?\[(?:[a-z][a-z0-9_]*)(?::[0-9a-f]{16})?\][\"']"),
)  # fmt: skip
"""In the order in which the first that fits names an answer: what an attacker can use soonest comes first."""
