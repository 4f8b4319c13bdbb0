CREATE INDEX gm_book_title ON gm_book (title);
