-- The time of the server that has the tenant. KEYS: any of the tenant's. Answers {seconds, microseconds}.

return redis.call('TIME')
