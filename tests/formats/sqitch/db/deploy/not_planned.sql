This is no SQL, and in no plan.
