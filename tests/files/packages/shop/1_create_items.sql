CREATE TABLE shop_item (id integer PRIMARY KEY, name text)
