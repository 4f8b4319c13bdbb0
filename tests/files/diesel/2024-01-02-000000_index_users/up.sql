CREATE INDEX diesel_users_id ON diesel_users (id);
