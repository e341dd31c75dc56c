"""How models decline, or say that they saw no image: the data of `replies`."""

import re

# Anchored: a prompt may begin like a refusal ("Sorry We're Open sign"): what follows decides.
_SEEN = r"(?:image|picture|photo|grid|attachment)s?"
_UNABLE = (
    r"(?:(?:can|could|did|would)(?:not|n't| not)|can't|(?:won't|will not)(?: be able to)?|"
    r"(?: ?am|'m| are|'re) (?:unable|not able) to)"
)
_DO = (
    r"(?:help(?=\W*$|[.,;!]| (?:you|with|in|on|by)\b)|assist|comply|provide|fulfill?|process|view|see|identify|recogni[sz]e|"
    r"analy[sz]e|generate|create|describe|discuss|do|answer|produce|complete|continue|access|determine|make|engage|"
    r"support|offer|give|interpret|infer|tell|open|load)\b"
)
_LEAD = r"^\W*(?:(?:it|there) (?:looks like|seems?(?: like| that| to me that)?|appears?(?: that)?) |hmm,? |hi[,!.] |hello[,!.] )?"
_ENGLISH = (
    r"^\W*(?:i'm|i am) (?:really |very |so |terribly |just |only |afraid )?"
    r"(?:sorry|afraid|unable|not able|not comfortable|not allowed|programmed|designed|(?:[\w-]+, )?an? (?:ai|text-based|language|large))\b",
    r"^\W*sorry(?:\W*$|,? (?:but|however)\b|[,.!:;]+ (?:this|that|the|your|it|there|no)\b|"
    r"[\s,.!:;–—-]*(?:i|we)\b(?:'m|'re| am| are)? ?(?:can|could|un|not|do|won|will|must|have))",
    r"^\W*(?:(?:my |i )?apolog(?:ies|i[sz]e)|unfortunately|regrettably)\b[,.!:;]? ?(?:but |however,? |for )?"
    r"(?:i|we|this|that|the|your|it|there|no)\b",
    rf"^(?:[^.!?]*(?:[.!?]|, but)\s)?\W*(?:however,? )?\b(?:i|we) ?{_UNABLE} (?:\w+ )?{_DO}",
    r"^\W*(?:cannot|can't|unable to|not able to) "
    r"(?:help with|assist|comply|provide|fulfill?|process|analy[sz]e|identify|determine)\b",
    r"^\W*i (?:do not|don't) (?:have (?:the ability|the capability|access|enough)|feel comfortable)\b",
    r"^\W*as an? (?:ai(?:,| (?:language|model|assistant|system|developed|i\b))|artificial intelligence|"
    r"large language|language model|text-based)\b",
    r"^\W*i (?:(?:must|have to|need to) (?:respectfully )?(?:decline|refuse)\b|(?:refuse|decline) to\b)",
    r"^[^.!?]*,? (?:so|and|therefore),? (?:i|we) (?:won't|will not|must decline|have to decline)\b",
    rf"^\W*(?:this |the |your )?(?:request|content|prompt|{_SEEN})(?: may| might| seems to| appears to)? "
    r"(?:violates?\b|(?:goes |go |is |are )?against (?:my|our|the (?:content|usage|polic|guideline|rule))|"
    r"(?:was |is |were |has been )?(?:flagged|blocked|rejected)\b)",
    rf"^\W*i (?:do not|don't|can't|cannot) (?:see|find) (?:an?|any|the) {_SEEN}\b",
    rf"{_LEAD}no {_SEEN}(?:\W*$| (?:was|is|were|has|have|attached|provided)\b)",
    rf"^[^.!?\n]{{0,60}}\bthere (?:is|was)(?: no|n't an?y?| not an?y?) {_SEEN}\b",
    rf"^\W*there (?:does|do)(?:n't| not) (?:seem|appear) to be (?:an?|any) {_SEEN}\b",
    rf"{_LEAD}(?:the |your )?{_SEEN} (?:did|was|is|has|does|could|can)(?:n't| not) (?:\w+ ){{0,3}}"
    r"(?:attached|upload|load|come through|provided|visible|shared|included|displayed|received)",
    rf"{_LEAD}(?:please|could you|can you|i need(?: you)? to) (?:please )?(?:provide|upload|share|attach|send|see) (?:me )?"
    rf"(?:the|an?|your) {_SEEN}\b",
)
_OTHERS = {
    "zh": r"(?:很|非常|十分)?(?:抱歉|遗憾|遺憾|对不起|對不起)|(?:目前|由于|作为|我|您|请|請|这|該|该|[^。.\n]{0,12}，)?"
    r"(?:我|本人)?(?:还|暂时|目前)?(?:无法|無法|不能|没办法|沒辦法|看不到|看不见|没有看到|未能)"
    r"(?:为|為|帮|提供|处理|處理|查看|看到|识别|辨识|回答|生成|满足|协助|访问|直接|分析|图|您|你|该|这|進行|进行|完成)|"
    r"作为(?:一个|一名)?(?:AI|人工智能|语言模型|大模型)|请(?:您)?(?:先)?(?:提供|上传|发送)(?:相关|您的|你的)?图",
    "ja": r"申し訳|すみません|ごめんなさい|恐れ入りますが|残念ながら|画像(?:が|を)(?:見えません|確認できません|見ることが)|"
    r"(?:その|この)?(?:ご)?(?:依頼|要望|質問)には(?:お)?(?:応え|答え)",
    "ko": r"죄송|미안|유감|(?:저는 )?(?:이|그|해당)? ?(?:이미지|요청|사진)(?:를|을|에|은|는)? ?[^.]{0,20}(?:수 없|못)",
    "de": r"(?:es )?tut mir (?:sehr )?leid\b|entschuldig|als (?:ki|sprachmodell)\b|"
    r"(?:leider )?(?:kann ich|ich kann|ich darf|ich sehe|ich habe)\b[^.]{0,60}\b(?:nicht|keine?n?)\b",
    "fr": r"(?:je suis )?désolée?s?\b|(?:malheureusement,? )?je ne (?:peux|suis|vois|dispose)\b|je n'ai pas accès|"
    r"en tant qu(?:e modèle|'(?:ia|assistant))",
    "es, pt, it": r"lo siento|lamento|lamentablemente|(?:no|não|non) (?:puedo|posso|consigo|tengo acceso|veo|vejo|vedo)\b|"
    r"desculp|sinto muito|infelizmente|mi dispiace|purtroppo|disculpa|como (?:modelo|ia)\b|come (?:modello|ia)\b",
    "ru, uk": r"извините|простите|к сожалению|мне жаль|я не (?:могу|вижу|имею)|как (?:ии|языковая модель)|вибачте|на жаль",
    "others": r"przepraszam|przykro mi|niestety|het spijt me|helaas|üzgünüm|maalesef|عذر|آسف|أعتذر|للأسف|क्षमा|माफ़|xin lỗi|"
    r"rất tiếc|maaf|ขออภัย|ขอโทษ|omlouvám|bohužel|tyvärr|beklager|beklagar|pahoittelen|sajnálom|λυπάμαι|îmi pare rău",
}
UNSEEN = re.compile(
    rf"^[^.!?\n:]{{0,40}}\b(?:no|(?:not|n't)(?: \w+)? (?:an?|any|the|your)) {_SEEN}\b|"
    r"^[^。：:]{0,12}(?:看不到|看不见|没有看到|没有收到)[^。：:]{0,12}图|^[^。：:]{0,8}画像[がを](?:見え|確認でき)ませ",
    re.IGNORECASE,
)
"""At the beginning: what is labelled as a prompt after it is made up."""
REFUSALS = [
    re.compile(pattern, re.IGNORECASE) for pattern in (*_ENGLISH, *(rf"^\W*(?:{words})" for words in _OTHERS.values()))
]
