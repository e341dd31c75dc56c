"""The pack's texts in other languages: locales/ and the help pages, from one memory of translations.

English is read where it stands anyway: in the node schemas (kept in locales/en, so that reading them needs no ComfyUI)
and in web/docs/NodeId.md. A page is cut into headings, paragraphs, items and table cells. Each English text has an
entry in memory/NodeId.yaml, or in memory/common.yaml where several nodes say the same; code, addresses and cells
without words need none. glossary.yaml says how the field's words are translated, and a test holds it.

After a text or a node has changed:

    $(python tools/host_python.py) -m tools.locales --schemas --add

reads the schemas again, drops entries whose English is gone and adds those that are missing, with empty translations.
Fill them in tools/locales/memory (`git diff` shows where; the old translations of a changed text are in the removed
lines), then

    python -m tools.locales

writes locales/{zh,ja,ko}, web/docs/NodeId/{en,zh,ja,ko}.md, and lists what is wrong, if anything is. Commit all of it.
"""
