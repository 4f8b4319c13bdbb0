-- dbmig:after auth@1, catalog, core@2
-- dbmig:up postgres
CREATE TABLE orders_order (
	number bigint DEFAULT nextval('core_number') PRIMARY KEY,
	user_id integer NOT NULL REFERENCES auth_user
);

-- dbmig:up sqlite
CREATE TABLE orders_order (
	number integer PRIMARY KEY,
	user_id integer NOT NULL REFERENCES auth_user
);

-- dbmig:down
DROP TABLE orders_order;
