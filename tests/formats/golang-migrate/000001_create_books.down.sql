DROP TABLE gm_book;
