left alone, as Flyway does
