CREATE INDEX di_cat_id ON di_cat (id);
