--migrate:up transaction:false foo:bar
CREATE INDEX dm_post_id ON dm_post (id);
-- migrate:down
DROP INDEX dm_post_id;
