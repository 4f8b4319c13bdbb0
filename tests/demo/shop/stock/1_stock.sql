-- dbmig:after catalog@1
-- dbmig:up
CREATE TABLE stock_level (
	sku text PRIMARY KEY REFERENCES catalog_item,
	pieces integer NOT NULL CHECK (pieces >= 0)
);
INSERT INTO stock_level SELECT sku, 10 FROM catalog_item;

-- dbmig:down
DROP TABLE stock_level;
