"""Words with which models label, open and close their answers, in the languages they answer in: data for `replies`."""

import re
from enum import Enum


class Role(Enum):
    """What a key or a label says of its value."""

    PROMPT = "prompts, by name"
    B_PRIME = "about B'"
    ANSWER = "an answer, an option, a description"
    OTHER = "about another image, or no prompt"


_IMAGE = r"(?:(?:the|input|source|example|original|image|picture|photo|bild|imagen|imagem|immagine|изображение|图像?|图片|画像|이미지) ?)*"
ROLES = [
    (role, re.compile(pattern))
    for role, pattern in (
        (
            Role.OTHER,
            r"negativ|negatif|négati|негатив|反向|负面|負面|ネガティブ|부정|avoid|^error$|explan|explic|erklär|begründ|reason|rationale|"
            r"объяснени|пояснени|解释|解釋|理由|이유|comment|remarque|примечани|备注|注意|注[:：]?$|\bnot[ae]s?\b|hinweis|\bwhy\b|count|"
            r"wortzahl|字数|字數|単語数|단어 수|количество|(?:number|nombre|anzahl) |^words?$|instruction",
        ),
        (Role.OTHER, rf"^{_IMAGE}\(?(?:a ?'?|b)\)?(?: ?(?:image|picture|description|caption|prompt|的|の|의).*)?$"),
        (Role.OTHER, rf"(?:prompt|caption|description)s? (?:of|for|für|para|pour) {_IMAGE}(?:a'?|b)$"),
        (
            Role.PROMPT,
            r"prompt|caption|提示|キャプション|プロンプト|프롬프트|캡션|промпт|подсказк|підказк|indicaci|invite|légende|podpowied|i̇?stem|"
            r"unterschrift|प्रॉम्प्ट",
        ),
        (Role.B_PRIME, r"(?<![a-z])b ?'|(?:bottom|lower).?right|\bfourth\b|右下"),
        (
            Role.OTHER,
            r"chang|align|analy|transform|confid|thought|think|input|source|\btask|relation|observ|\bstep|^(?:id|index|title|role)$|"
            r"变化|變化|变换|对齐|分析|观察|変化|変換|관찰|변화|분석|änderung|veränderung|cambio|análisis|изменени|анализ|mudança|alteraç",
        ),
        (
            Role.ANSWER,
            r"^(?:so|therefore|thus|hence)$|conclusion|answer|output|result|response|\btext|descri|option|suggest|\bfinal|content|"
            r"candidat|\bitem|keyword|variation|version|target|choice|\bideas?\b|value|solution|assistant|答|结果|結果|输出|輸出|出力|描述|"
            r"説明|选项|候補|候选|답|결과|출력|설명|옵션|antwort|ergebnis|ausgabe|beschreib|vorschl|lösung|réponse|résultat|sortie|"
            r"proposition|respuesta|resultado|salida|opci|soluci|ответ|результат|вывод|описани|вариант|решени|rispost|risultat|soluzion|"
            r"respost|saída|solução|opis|odpově?d|wynik|antwoord|omschrijving|svar|vastaus|válasz|răspuns|sonuç|yanıt|cevap|jawab|"
            r"deskripsi|trả lời|mô tả|απάντηση|відповідь|उत्तर|विवरण|คำตอบ|תשובה|پاسخ|النص|الوصف|الإجابة",
        ),
    )
]
"""The first that fits a key counts."""
_WORDS = (
    "a an the my your this these here here's is are be would could should might will text prompt prompts caption "
    "captions description descriptions image images picture b b' a' of for to in as describe describing output target "
    "result resulting final answer option options suggestion suggestions suggested possible response new fourth "
    "missing so therefore thus hence best short one two three four five different such assistant model reply solution "
    "generated transformed sure certainly great okay ok yes and with no more than words word count note notes "
    "negative variation version alternative idea ideas number explanation reasoning reason change alignment analysis "
    "transformation input source positive bottom right some following für bild das der die von pour l'image de hier "
    "ist sind voici para imagen la el aquí está están текст текстовый для вот изображения texto texte testo per "
    "immagine ecco imagem aqui"
)
LABEL_WORDS = frozenset(_WORDS.split())
"""A label on the line of its text holds these, words with a role, numbers and Chinese, Japanese or Korean alone."""

INTERJECTION = re.compile(
    r"^(?:sure(?: thing)?|certainly|of course|okay|ok|absolutely|great|yes|alright|got it|hello|hi|好的|当然|はい|네|gerne|natürlich|"
    r"klar|bien sûr|claro|certo|конечно)\s?[!,.！，。、]\s*",
    re.IGNORECASE,
)
OPENING = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely|great|yes|alright|got it|here(?:'s| is| are)|below|based on|given|from a to|"
    r"looking at|in (?:the|this) (?:image|grid|analogy|first)|(?:following|applying|analy[sz]ing) |how can|it (?:looks|seems|appears)|"
    r"the (?:transformation|change|analogy|images?|grid|relation|(?:text )?prompt)|a'? (?:is|shows|to a)|b (?:is|shows)|"
    r"i (?:see|think|would)|好的|当然|以下|根据|はい|承知|네|물론|다음은|gerne|natürlich|klar|hier (?:ist|sind)|bien sûr|voici|claro|"
    r"aquí|por supuesto|конечно|вот|хорошо|certo|ecco|aqui)(?:\b|(?<=[^a-z]))",
    re.IGNORECASE,
)
OFFER = re.compile(r"^(?:i'd|i would|i suggest|try (?:this|using|with)|how about|this is)\b", re.IGNORECASE)
CLOSING = re.compile(
    r"^(?:let me know|i hope|hope (?:this|these|it)|these (?:prompts|capture|options|are|all|describe|reflect)|feel free|\(?notes?:|"
    r"each (?:of these|prompt)|explanation|reasoning|would you|do you|if you|please |all (?:of these|prompts)|\(?\d+ words|"
    r"this (?:prompt|captures|follows|reflects|adds|keeps|describes|maintains|applies|represents|shows|matches|is (?:because|the|an?) )|"
    r"希望|如果|这些|请|이 프롬프트|ich hoffe|diese prompts|j'espère|espero|надеюсь|これら|この|ご)",
    re.IGNORECASE,
)
TALK = re.compile(
    r"^[AB] (?:is an?|shows|depicts|contains)\b|"
    r"(?i:\b(?:(?:image|picture)s? [AB]|analog(?:y|ous)|transformation|the user|(?:first|second|third|top|bottom|left|right)[ -]"
    r"(?:row|column|image|picture|panel|left|right)|i (?:think|see|would|believe|will|have)|i'll|i've|let me|let's|you|"
    r"the (?:image|picture) (?:shows|depicts)|in (?:the|this) (?:image|grid))\b)"
    r"|(?i:bild(?:er)? zeig|l'image montre|les images|imagen muestra|imagem mostra|immagine mostra|на (?:изображении|картинке|фото)|"
    r"изображение показывает|analogie|analogía|analogia|аналоги|verwandlung|трансформац|transformación|transformação|"
    r"图[片像]?(?:中|展示|显示|里)|[这该]张图|类比|画像(?:は|には|に|では)|類推|이미지(?:는|에는|에서)|유추)"
)
"""About the task; in a sentence, which a prompt seldom is."""
NAMES_IMAGE = re.compile(
    r"(?<!['\w])[AB]\d?'(?![\w'])|\b(?:version|style|subject|content|copy|counterpart) (?:of|in|from) (?:image )?[AB]\b"
)
CORRECTION = re.compile(
    r"correct|revis|final|instead|better|improved|actually|\bwait\b|sorry|mistake|更正|修正|最终|수정", re.IGNORECASE
)
BY_THE_WAY = re.compile(
    r"\s*[(\[]\s*(?:\d+ words?|words?(?: count)?:[^)\]]*)[)\]]\s*$|\s[-–—]\s\d+ words$|"
    r"\s+[(\[]?(?:negative(?: prompt)?|word count|note)\s?[:：].*$",
    re.IGNORECASE,
)
NO_PROMPT = re.compile(
    r"[\W\d_]*|n/a|none|null|unknown|string|ok(?:ay)?|yes|no|sure|[ab]'|a and [ab]'?|neither|(?:(?:the )?(?:list of )?(?:text )?|your )"
    r"prompts?(?: ?#?\d+)?(?: here)?(?: (?:of|for) (?:image )?b')?",
    re.IGNORECASE,
)
"""Placeholders, and answers to another question."""
AND = r"(?:and|or|und|oder|et|ou|y|o|и|или)\b"
