DELETE FROM gm_book;
