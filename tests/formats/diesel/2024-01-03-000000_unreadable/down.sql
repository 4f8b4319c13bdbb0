DELETE FROM di_cat;
