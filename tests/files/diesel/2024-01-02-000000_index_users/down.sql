DROP INDEX diesel_users_id;
