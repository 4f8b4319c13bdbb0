DROP TABLE di_cat;
