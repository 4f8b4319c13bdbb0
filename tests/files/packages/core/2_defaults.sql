-- Comments in front of the first marker are the head of the file.
-- dbmig:up
INSERT INTO core_setting VALUES ('language', 'en');
INSERT INTO core_setting VALUES ('colour', 'blue');
-- dbmig:down
DELETE FROM core_setting;
