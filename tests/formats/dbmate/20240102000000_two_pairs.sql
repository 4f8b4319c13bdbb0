-- migrate:up
INSERT INTO dm_post VALUES (1);
-- migrate:down
DELETE FROM dm_post WHERE id = 1;
-- migrate:up
INSERT INTO dm_post VALUES (2);
-- migrate:down
DELETE FROM dm_post WHERE id = 2;
