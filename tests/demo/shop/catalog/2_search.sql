-- The same question, answered by what each engine has.
-- dbmig:up postgres
CREATE INDEX catalog_item_search ON catalog_item
	USING gin (to_tsvector('english', title));
CREATE FUNCTION catalog_search(what text) RETURNS SETOF catalog_item
LANGUAGE sql STABLE AS $$
	SELECT * FROM catalog_item
	WHERE to_tsvector('english', title) @@ plainto_tsquery('english', what);
$$;

-- dbmig:up sqlite
CREATE INDEX catalog_item_title ON catalog_item (title);

-- dbmig:down postgres
DROP FUNCTION catalog_search(text);
DROP INDEX catalog_item_search;

-- dbmig:down sqlite
DROP INDEX catalog_item_title;
