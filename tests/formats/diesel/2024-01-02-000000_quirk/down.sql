DROP INDEX di_cat_id;
