CREATE TABLE x (y integer);
-- even here: ${owner}
