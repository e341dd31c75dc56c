"""What models say around a prompt, in the languages they answer in: the data of `replies` and `lines`."""

import html
import json
import re
from collections.abc import Callable, Sequence
from enum import Enum

Rules = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
"""Patterns, and what is written in place of each."""


class Role(Enum):
    """What a key or a label says of its value."""

    PROMPT = "prompts, by name"
    B_PRIME = "about B'"
    ANSWER = "an answer, an option, a description"
    OTHER = "about another image, or no prompt"


NAMED = (Role.PROMPT, Role.B_PRIME)
"""By name a prompt, and no text beside it."""
_IMAGE = r"(?:(?:the|input|source|example|original|image|picture|photo|bild|imagen|imagem|immagine|изображение|图像?|图片|画像|이미지) ?)*"
ROLES = [
    (role, re.compile(pattern))
    for role, pattern in (
        (
            Role.OTHER,
            r"negativ|negatif|négati|негатив|反向|负面|負面|ネガティブ|부정|avoid|^error$|explan|explic|erklär|begründ|reason|rationale|"
            r"объяснени|пояснени|解释|解釋|说明|理由|이유|comment|remarque|примечани|备注|注意|注[:：]?$|\bnot[ae]s?\b|hinweis|\bwhy\b|count|"
            r"wortzahl|字数|字數|単語数|단어 수|количество|(?:number|nombre|anzahl) |^words?$|instruction",
        ),
        (Role.OTHER, rf"^{_IMAGE}\(?(?:a ?'?|b)\)?(?: ?(?:image|picture|description|caption|prompt|的|の|의).*)?$"),
        (Role.OTHER, rf"(?:prompt|caption|description)s? (?:of|for|für|para|pour) {_IMAGE}(?:a'?|b)$"),
        (
            Role.PROMPT,
            r"prompt|caption|提示|キャプション|プロンプト|프롬프트|캡션|промпт|подсказк|підказк|indicaci|invite|légende|podpowied|i̇?stem|"
            r"unterschrift|प्रॉम्प्ट|প্রম্পট|พรอมต์|פרומפט|הנחיה|پرامپت|موجه|προτροπ|gợi ý|^positi|正面|正向|ポジティブ|позитив",
        ),
        (Role.B_PRIME, r"(?<![a-z])b ?'|(?:bottom|lower).?right|\bfourth\b|右下"),
        (
            Role.OTHER,
            r"chang|align|analy|transform|confid|thought|think|input|source|\btask|relation|observ|\bstep|^(?:id|index|title|role)$|"
            r"变化|變化|变换|对齐|分析|观察|変化|変換|관찰|변화|분석|änderung|veränderung|cambio|análisis|изменени|анализ|mudança|alteraç",
        ),
        (
            Role.ANSWER,
            r"^(?:so|therefore|thus|hence)$|^try\b|conclus|fazit|answer|output|result|response|\btext|descri|option|suggest|\bfinal|content|"
            r"candidat|\bitem|keyword|decision|verdict|variation|version|target|choice|\bideas?\b|value|solution|assistant|助手|答|结论|結論|결론|结果|結果|输出|輸出|出力|描述|"
            r"説明|选项|候補|候选|답|결과|출력|설명|옵션|antwort|ergebnis|ausgabe|beschreib|vorschl|lösung|réponse|résultat|sortie|"
            r"proposition|respuesta|resultado|salida|opci|soluci|ответ|результат|вывод|описани|вариант|решени|rispost|risultat|soluzion|"
            r"respost|saída|solução|opis|odpov|odgovor|atsakym|atbilde|vastus|jawapan|sagot|jibu|wynik|antwoord|omschrijving|svar|vastaus|válasz|răspuns|sonuç|yanıt|cevap|jawab|"
            r"deskripsi|trả lời|mô tả|απάντηση|відповідь|उत्तर|विवरण|คำตอบ|תשובה|پاسخ|جواب|উত্তর|பதில்|సమాధానం|જવાબ|ਜਵਾਬ|პასუხი|պատասխան|одговор|отговор|النص|الوصف|الإجابة",
        ),
    )
]
"""The first that fits a key counts."""
_WORDS = (
    "a an the my your this these here here's is are be would could should might will text prompt prompts caption "
    "captions first second third description descriptions image images picture b b' a' of for to in as describe describing output target "
    "result resulting final answer option options suggestion suggestions suggested possible response new fourth "
    "missing so therefore thus hence best short one two three four five different such assistant model reply solution "
    "generated transformed sure certainly great okay ok yes and with no more than words word count note notes "
    "negative variation version alternative idea ideas number explanation reasoning reason change alignment analysis "
    "transformation input source positive bottom right some following für bild das der die von pour l'image de hier "
    "ist sind voici para imagen la el aquí está están текст текстовый для вот изображения texto texte testo per "
    "immagine ecco imagem aqui work works process imagine but corrected revised "
    "improved better updated actually"
)
LABEL_WORDS = frozenset(_WORDS.split())
"""A label on the line of its text holds these, words with a role, and `UNLISTED` ones alone."""

INTERJECTION = (
    r"(?i)^(?:sure(?: thing)?|certainly|of course|okay|ok|absolutely|great|yes|alright|got it|hello|hi|好的|当然|はい|네|gerne|natürlich|"
    r"klar|bien sûr|claro|certo|конечно)\s?[!,.！，。、]\s*"
)
OPENING = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely|great|yes|alright|got it|here(?:'s| is| are)|below|based on|given|from a to|"
    r"looking at|in (?:the|this) (?:image|grid|analogy|first)|(?:following|applying|analy[sz]ing) |how can|it (?:looks|seems|appears)|"
    r"the (?:transformation|change|analogy|images?|grid|relation|(?:text )?prompt)|a'? (?:is|shows|to a)|b (?:is|shows)|"
    r"i (?:see|think|would|suggest)|i'd|try (?:this|using|with)|好的|当然|以下|根据|はい|承知|네|물론|다음은|gerne|natürlich|klar|hier (?:ist|sind)|bien sûr|voici|claro|"
    r"aquí|por supuesto|конечно|вот|хорошо|certo|ecco|aqui)(?:\b|(?<=[^a-z]))",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"^(?:let me know|i hope|hope (?:this|these|it)|these (?:prompts|capture|options|are|all|describe|reflect)|feel free|\(?notes?:|"
    r"each (?:of these|prompt)|explanation|reasoning|would you|do you|if you|please |all (?:of these|prompts)|\(?\d+ words|"
    r"this (?:prompt|captures|follows|reflects|adds|keeps|describes|maintains|applies|represents|shows|matches|is (?:because|the|an?) )|"
    r"希望|如果|这些|请|이 프롬프트|ich hoffe|diese prompts|j'espère|espero|надеюсь|これら|この|ご)",
    re.IGNORECASE,
)
TALK = re.compile(
    r"[?？]$|"
    r"(?i:\b(?:(?:image|picture)s? [AB]|analog(?:y|ous)|ambiguous|unclear|possibilit(?:y|ies)|transformation|the user|(?:first|second|third|top|bottom|left|right|upper|lower)[ -]"
    r"(?:row|column|image|picture|panel|left|right)|i (?:think|see|would|believe|will|have|notice|need|can)|i'll|i've|let me|let's|you|"
    r"the (?:image|picture) (?:shows|depicts)|in (?:the|this) (?:image|grid))\b)"
    r"|(?i:bild(?:er)? zeig|l'image montre|les images|imagen muestra|imagem mostra|immagine mostra|на (?:изображении|картинке|фото)|"
    r"изображение показывает|analogie|analogía|analogia|аналоги|verwandlung|трансформац|transformación|transformação|"
    r"图[片像]?(?:中|展示|显示|里)|[这该此](?:[张组幅些]|几张)图|类比|不(?:太|够|大|是很)?(?:明确|清楚|确定|明显)|无法(?:确定|判断)|画像(?:は|には|に|では)|類推|はっきりし|判断でき|分かりません|わかりません|nicht klar|unklar|está claro|pas clair|неясно|не ясно|непонятно|불분명|명확하지 않|판단하기 어렵|[把将从] ?[AB](?![A-Za-z])|이미지(?:는|에는|에서)|유추)"
)
"""About the task; in a sentence, which a prompt seldom is."""
_PLACE = r"(?:loc\d+|ref|box|quad|points?)\b"
NAMES_IMAGE = re.compile(
    r"^[AB] (?:is an?|shows|depicts|contains) |(?<!['A-Za-z])[AB]\d?'(?![A-Za-z'])|\b(?:version|style|subject|content|copy|counterpart) (?:as|of|in|from) (?:image )?[AB]\b|\b(?:of|from) (?:image )?[AB]$|"
    rf"<{_PLACE}"
)
"""By their letters, or places in them."""
CORRECTION = re.compile(
    r"correct|revis|final|instead|better|improved|actually|\bwait\b|sorry|mistake|更正|修正|最终|수정", re.IGNORECASE
)
ALTERNATIVE = re.compile(r"^\W*(?:alternative|additional|other|more|further)", re.IGNORECASE)
NO_PROMPT = re.compile(
    r"[\W\d_]*|[{\[]+\s*[\"'].*|<[^<>:]*>|!\[.*|from [\w.]+ import .*|(?:\w+ = )?\w+(?:\.\w+)+\(.*|n/a|todo|tbd|none|null|unknown|unclear|ambiguous|not applicable|string|assistant|user|ok(?:ay)?|yes|no|sure|\d+ words?|[ab]'|a and [ab]'?|neither|(?:(?:the )?(?:list of )?(?:text )?|your )"
    r"prompts?(?: ?#?\d+)?(?: here)?(?: (?:of|for) (?:image )?b')?",
    re.IGNORECASE,
)
"""Placeholders, and answers to another question."""
AND = r"(?:and|or|und|oder|et|ou|y|o|и|или)\b"

# -- Fields of JSON, and markup, in the words and marks of `lines` -------------------------------------------------------
FILLED = ("properties", "value", "const", "default", "example", "examples", "items", "enum")
"""Where models write an answer into a schema."""
THOUGHTS = ("thinking", "reasoning", "thought", "analysis", "commentary")
REMARKS = ("change", "alignment")
COUNTED = re.compile(r"(?!.*(?:image|picture|panel|cell|图|画像))\D{0,12}\d{1,4}", re.IGNORECASE)
"""A key that says no more than its number."""
FENCE = re.compile(r"```\w*(?:\s*\n)?(.*?)(?:```|\Z)", re.DOTALL)
MARKUP: Rules = (
    (r"(?:\\u[0-9a-fA-F]{4})+", lambda escaped: str(json.loads(f'"{escaped[0]}"'))),
    (r"\\(?:begin|end)\{[^{}]*\}|\\[][]", ""),
    (r"\\item\b", "- "),
    (r"(?m)^-(?=[^\W\d])", "- "),
    (r"(?m)^(.+)\n={3,}[^\S\n]*$", r"# \1"),
    (r"\\(?:text|math|emph)\w*\{([^{}]*)\}", r"\1"),
    (r"</th>\s*</tr>", "|\n|---|\n"),
    (r"<t[hd]\b[^<>]*>", "|"),
    (r"</t[hd]>|<\?xml[^<>]*>|<!\[CDATA\[|\]\]>", ""),
    (r"```\w*", ""),
    (r"(?m)^([^\S\n]*(?:[^\W\d_]{2,20} )?\d{1,2}[.)]?)[^\S\n]*\n\s*(?=\w)", r"\1 "),  # A mark above its text.
    (
        r"(?im)^(?![^\w\n]*(?:analys|reason|explan|transf|chang))([^:>\n]{1,60}:)[^\n]+(?=\n\s*>)",
        r"\1",
    ),  # A title above a block quote.
    (r"(?m)^(?:#{1,6} |\*\*)(\d{1,2}[.)])[^\n]+\n\s*(?=[\"“„«「`])", r"\1 "),  # Or above quotes.
    (r"(?m)(?<=[:：.!] )\*\*([^*:：\n]+)\*\*[.。]?$", r'"\1"'),
    (r"\bВ(?=['`^])", "B"),  # A Cyrillic letter.
    (r"\b([AB])(?:\s?\^?\{?\\prime\}?|\^'|`)", r"\1'"),
    (r"\$+(?=[^\s\d$])([^$\n]+)\$+", r"\1"),
    (rf"<(?!{_PLACE})([A-Za-z][\w']{{0,30}})(?:\s[^<>]*)?>([^<>]*)</\1>", r"\n\1: \2\n"),
    (r"(?m)^[^:\n]+:[^:\n]+::[^:\n]+:([^:\n]+)$", r"B': \1"),  # The formula of the analogy.
)

# -- How lines are marked, labelled and quoted ---------------------------------------------------------------------------
TYPOGRAPHY = str.maketrans("\u2018\u2019\u02bc\u2032\u00b4\u2035◁▷｜▁", "'" * 6 + "<>|_", "\0")
ESCAPED_PRIME = re.compile(r"\\u(?:2018|2019|2032|02bc)", re.IGNORECASE)
QUOTES = '"“”„«»「」『』'
QUOTED = re.compile(rf"[\"“”„«「『]([^{QUOTES}\n]{{2,}})[\"“”»」』]")
MARK = re.compile(
    r"^(?P<indent>\s*)(?:(?P<number>[(\[（【]?\d{1,2}(?:/\d{1,2})?\ufe0f?\s?[.)\]、．）】\u20e3](?!\d)[.:)]?|[①-⑳⑴-⒇⒈-⒛❶-❿➀-➓㊀-㊉][.、:)]?|"
    r"\d{1,2}(?:\s[-–—]|/)(?=\s))|\(?(?:[a-e]\)|i[.)])(?=\s)|(?:[-*+–—~>»](?=\s)|[•·・‣◦▪▫■□●○◆◇★☆►▶▸➤➢→⇒⁃✓✔※◎✦❖☐]|[\U0001F300-\U0001FAFF\u2600-\u27BF]\ufe0f?)+)"
    r"\s*(?:\[[ xX]\]\s)?(?P<body>.*)$"
)
"""Of an item of a list: a number, a letter alone, or a bullet, and the box of a task."""
ORDINAL = re.compile(
    r"^\s*(?:#{1,6}\s)?[*_\s(\[（【]{0,6}(?P<word>(?:[^\W\d_]{2,20}\s|[^\W\d_]{1,20}(?=[\d一二三四五六七八九十甲乙丙丁])){0,2}(?:#|№|n[°º] ?|第)?)"
    r"(?P<number>\d{1,2}|[^\W\d_]{1,6})(?:(?:st|nd|rd|th|번째?|番目?|号|號)(?=[)\]:：.、]))?(?![^\W_])(?:\s?\([^()]{1,30}\)(?=[*_]{0,3}\s?[:：\-–—]))?"
    r"[*_]{0,3}(?P<mark>[)\]）】]?\s?[.:：、．°º|\-–—]?)[*_]{0,3}[:：]?\s*(?P<body>.*)$",
    re.IGNORECASE,
)
LETTERS = tuple("abcdefghijkl")
SEQUENCES: tuple[Sequence[str], ...] = (
    tuple(map(str, range(1, 21))),
    ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"),
    ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("first", "second", "third", "fourth", "fifth", "sixth"),
    LETTERS,
    *("абвгдежзик", "αβγδεζηθ", "אבגדהוז", "가나다라마바사", "一二三四五六七八九十", "アイウエオカキク", "甲乙丙丁戊"),
)
WITHIN = re.compile(r"(?:^|[\s,;])\(?(?:\d{1,2}[.)]|[a-e]\))\s+|\s*[①-⑳]\s*")
TICK = re.compile(r"\s*[✓✔✅☑]")
ASIDE = re.compile(r"\s*(?:([*_])(?![*_\s]).*[^*_]\1|\([^()]*\)|[-=*_]{3,})\s*$")
"""A line in italics or in brackets, and a rule: beside other lines it speaks of them."""
HEADING = re.compile(r"[\s>]*(?:#|\d+[.)]\s|([*_]{2})[^*_]+\1\W*$)")
KEY = re.compile(r"^((?:[^:：=→⇒\"“]|[\"“][^:\"“”]{0,60}[\"”]){1,90}?)\s*(?:[:：=→⇒](?![:/\d])|=>)\s*(.*)$")
COPULA = re.compile(
    r"^([^.!?:\"“「]{1,60}?) (?:is|are|becomes|(?:would|could|should|might|will) be|(?:would )?shows?|ist|wäre|"
    r"lautet|est|serait|es|sería) (.+)$",
    re.IGNORECASE,
)
QUOTING_COPULA = re.compile(r"^([^.!?:：。\"“「『]{1,20}?)[应應]?(?:[是为為]|は)\s*([\"“「『].+[\"”」』])\W*$")
ANY = frozenset(Role)
LABELS = (
    (re.compile(r"^[【\[]([^】\]]{1,40})[】\]]\s*[:：]?\s*(.*)$"), ANY),
    (re.compile(r"^\(([^)]{1,40})\)\s*[:：]?\s*(.*)$"), {Role.B_PRIME}),
    (KEY, ANY),
    (re.compile(r"^([^-–—]{1,40}?)\s[-–—]\s(.*)$"), {Role.PROMPT, Role.B_PRIME}),
    (COPULA, ANY - {Role.OTHER}),
    (QUOTING_COPULA, ANY - {Role.OTHER}),
)
"""How labels stand before their texts, and which roles they have there."""
COMMENTED = (
    (rf"^[*_]{{2}}[^*_{QUOTES}][^*_]*[*_]{{2}}\s*[-–—]\s*{QUOTED.pattern}$", r"\1"),  # A title and a prompt.
    (r"^[*_]{2}([^*_]+)[*_]{2}\s*(?:[-–—(].*)?$", r"\1"),  # A prompt and a comment.
    (r"^[*_]{2}[^*_]+(?:[:：]\s*[*_]{2}|[*_]{2}\s*[:：])\s*(.+)$", r"\1"),
    (rf"^{QUOTED.pattern}\s*[.!?(\-–—].*$", r"\1"),
    (r"^\[([^][{}:|]*)\]$", r"\1"),
)
BESIDE: Rules = ((INTERJECTION, ""), *COMMENTED[:2])
NEXT_LABEL = re.compile(
    r"(?<=[.!?;,。，；，)\"”])[^\S\n]+(([^:：=.!?;,。，；\n]{1,60}?)(?:[^\S\n]*[:：=](?!:)|(?<=B')\s(?:is|becomes)\b))"
)
SENTENCE = re.compile(r"(?<=\w\w[.!?])[\"”']?\s+|(?<=[。！？])(?=.)")
ENDS = tuple(".!?。！？")
BETWEEN_COMMAS = re.compile(r"(?:[^,;，、；()]|\([^()]*\)|[()]|,(?=\d))+")
UNLISTED = re.compile(r"^[\d①-⑳]+$|[\u0590-\u06ff\u0900-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Numbers, and words of scripts that no list of ours holds."""
RULE = re.compile(r"[\s|:+-]*-{2,}[\s|:+-]*")

SUGGESTS = re.compile(
    r"\b(?:i|we)(?:'d| would| could| might) (?:\w+ )?(?:suggest|choose|go with|use|try|pick|propose|recommend|say|write)\W*$",
    re.IGNORECASE,
)
"""Before quotes that hold a prompt."""
_WORDS_COUNTED = r"\d+\s?(?:words?|wörter|mots|palabras|palavras|parole|слов\w*|[个個]?[字词詞]|語|文字|단어)"
WRAPPED: Rules = (
    (MARK.pattern, r"\g<body>"),
    (r"^[`*_ ]+|[`*_ ]+$", ""),
    ("^'(.*)'$", r"\1"),
    (r"^\[([^][:|]*)\]$", r"\1"),
    # Quotes within, as of a sign's text, stay.
    (rf"^[{QUOTES}]([^{QUOTES}]*\s[{QUOTES}][^{QUOTES}]+[{QUOTES}].*)[{QUOTES}]$", r"\1"),
    (rf"^[{QUOTES}]+([^{QUOTES}]*)[{QUOTES}]*$|^([^{QUOTES}]*)[{QUOTES}]+$", r"\1\2"),
    (rf"(?i)\s*[(\[（]\s*(?:{_WORDS_COUNTED}|words?(?: count)?:[^)\]]*)[)\]）]\s*$|\s[-–—]\s{_WORDS_COUNTED}$", ""),
    (r"(?i)\s\*\([^()]*\)\*?$|\s+(?:[(\[]?(?:negative(?: prompt)?|word count)|(?:[(\[]|(?<=\W\s))note)\s?[:：].*$", ""),
    (r"\s*(?:\[\d{1,2}\]|【\d[^】]*】)$", ""),
    ("[.,;:| 。，；、]+$", ""),
)
"""Around one prompt: marks, quotes, counts of words and a full stop."""

# -- Thinking aloud, in the tags, brackets and channels of a model's kind ------------------------------------------------
_THOUGHT = (
    r"(?:\w{1,12}:)?(?:think|(?:ant)?thinking|thoughts?|thought[ _-]process|reason(?:ing)?|reflect|reflection|analysis|"
    r"cot|scratch_?pad|chain[ _-]of[ _-]thought|"
    r"(?:inner[ _-])?monologue|inner[ _-](?:thoughts?|prefix)|internal(?:[ _]\w{1,20})?|"
    r"planning|rationale|commentary|details|思考(?:过程)?)"
)
_RESULT = (
    r"(?:answer|final|final[ _]answer|response|output|result|conclusion|solution|box|text|prompts?[ _-]?\d*|"
    r"inner[ _]suffix)"
)
_CHANNEL = r"(?:<\|channel\|?>|<channel>|<channel name=[\"']?)\s*"
# Where a thought ends the answer begins, and where the answer ends there begins what is no longer part of it.
_THOUGHT_BEGINS = (
    rf"<\|?(?:begin_of_|start_)?{_THOUGHT}\b[^<>\n]{{0,80}}>",
    rf"\[{_THOUGHT}\]",
    rf"</(?:{_RESULT}|channel)>",
    rf"<\|(?:end_of_|end_){_RESULT}\|>",
    rf"{_CHANNEL}(?!final\b)\w+[^<>\n]{{0,40}}(?:<\|message\|>|>)?",
    r"<(?:unused|ctrl)94>(?:thought\b)?",
    r"\Aanalysis(?=[^\W_]|<\|message)",
    r"^thinking\.\.\.$",
    r"\[INST\]",
)
_ANSWER_BEGINS = (
    rf"</{_THOUGHT}\s?>",
    rf"<\|(?:end_of_|end_|/){_THOUGHT}\|>",
    rf"\[/{_THOUGHT}\]",
    rf"<\|?(?:begin_of_|start_)?{_RESULT}(?:\s[^<>\n]{{0,80}})?\|?>",
    rf"{_CHANNEL}final\b(?:[^<>\n]|<\|constrain\|>){{0,40}}(?:<\|message\|>|>)?",
    r"<channel\|>",
    r"<(?:unused|ctrl)95>",
    r"assistantfinal",
    r"\[/INST\]",
    r"^\.\.\.done thinking\.$",
)
THINKING: Rules = (
    (r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+\d*);", lambda entity: html.unescape(entity[0])),
    (r"\\boxed\{(?:\\text\{)?([^{}]*)\}+", r"<answer>\1</answer>"),
    (rf"(?si)```(?:{_THOUGHT})\n.*?(?:```|\Z)", "\n"),
    (rf"(?ims)(?:{'|'.join(_THOUGHT_BEGINS)}).*?(?:{'|'.join(_ANSWER_BEGINS)}|\Z)", "\n"),
    # What is left of an answer's beginning had thinking before it: servers swallow the tag that opened it.
    (rf"(?ims)\A.*(?:{'|'.join(_ANSWER_BEGINS)})", ""),
    (r"~~[^~\n]+~~", " "),
    (r"<\|[^|<>\n]{1,40}\|>(?:assistant\b)?|<(?:start|end)_of_turn>(?:model\b)?", " "),
    (r"</?(?:s|bos|eos|unk|pad|image|b|i|em|strong|code)>", " "),
    (r"(?i)</?(?:items?|li|ul|ol|p|br|div|captions?|details|summary)\d*\s*/?>", "\n"),
)
"""Thinking, and then the tags that are left."""
