-- A trigger on another package's table, in each engine's own way.
-- dbmig:after orders@1
-- dbmig:up postgres
CREATE TABLE audit_log (what text, at timestamptz DEFAULT now());
CREATE FUNCTION audit_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit_log (what) VALUES ('order ' || NEW.number);
	RETURN NEW;
END;
$$;
CREATE TRIGGER audit_order AFTER INSERT ON orders_order
	FOR EACH ROW EXECUTE FUNCTION audit_order();

-- dbmig:up sqlite
CREATE TABLE audit_log (what text, at text DEFAULT (datetime('now')));
CREATE TRIGGER audit_order AFTER INSERT ON orders_order
BEGIN
	INSERT INTO audit_log (what) VALUES ('order ' || NEW.number);
END;

-- dbmig:down postgres
DROP TRIGGER audit_order ON orders_order;
DROP FUNCTION audit_order();
DROP TABLE audit_log;

-- dbmig:down sqlite
DROP TRIGGER audit_order;
DROP TABLE audit_log;
