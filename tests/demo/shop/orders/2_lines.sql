-- dbmig:after stock@1
-- dbmig:up
CREATE TABLE orders_line (
	number bigint NOT NULL REFERENCES orders_order ON DELETE CASCADE,
	sku text NOT NULL REFERENCES catalog_item,
	pieces integer NOT NULL,
	PRIMARY KEY (number, sku)
);

-- dbmig:down
DROP TABLE orders_line;
