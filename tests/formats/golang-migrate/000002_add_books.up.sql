INSERT INTO gm_book VALUES (1, 'one');
INSERT INTO gm_book VALUES (2, 'two');
