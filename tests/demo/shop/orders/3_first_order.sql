-- dbmig:after auth@2
-- dbmig:up
INSERT INTO orders_order SELECT 1000, id FROM auth_user;
INSERT INTO orders_line VALUES (1000, 'tea', 2);
INSERT INTO orders_line VALUES (1000, 'cup', 1);

-- dbmig:down
DELETE FROM orders_order WHERE number = 1000;
