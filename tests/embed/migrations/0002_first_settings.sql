-- what a program's text has to keep: quotes, backslashes, question marks (no
-- trigraphs ??/ are made of them), percent signs, tabs, letters that are none
INSERT INTO setting (name) VALUES ('it''s "quoted"'), ('back\slash\n %d %s'), ('what??/ ??)'), ('tab	é 日本');
