-- head
-- migrate:up
CREATE TABLE dm_post (id integer PRIMARY KEY);

-- migrate:down
DROP TABLE dm_post;
