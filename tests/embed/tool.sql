-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION tool" to load this file. \quit

CREATE FUNCTION tool_version() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT '1.0'$$;

