-- Counts one more notification to a viewer.
-- KEYS: pushes (string)
-- ARGV: limit, window (ms)
-- Returns: 1 within the limit, 0 beyond
-- Writes: pushes

redis.call('SET', KEYS[1], 0, 'PX', ARGV[2], 'NX')
return redis.call('INCR', KEYS[1]) <= tonumber(ARGV[1]) and 1 or 0
