-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX gs_user_name ON gs_user (name);
