-- dbmig:after core@1
-- dbmig:up
CREATE TABLE catalog_item (
	sku text PRIMARY KEY,
	title text NOT NULL,
	price integer NOT NULL CHECK (price >= 0)
);
INSERT INTO catalog_item VALUES ('tea', 'Green tea, 100 g', 690);
INSERT INTO catalog_item VALUES ('cup', 'Cup', 1250);

-- dbmig:down
DROP TABLE catalog_item;
