-- +goose up
-- +goose statementbegin
INSERT INTO gs_user
  VALUES (2, 'without a semicolon')
-- +goose statementend
-- +goose StatementBegin
INSERT INTO gs_user VALUES (3, 'with one'); -- and a comment
-- +goose StatementEnd
-- +goose Down
DELETE FROM gs_user
 WHERE id > 1;
