-- Put the generation that was built beside the one in force into its place, in one step.
-- KEYS[1] marker   KEYS[2] changes   ARGV[1] the generation that was built
-- Returns 1, or 0 when it is not the one that is being built (any more).
local built = redis.call('HMGET', KEYS[1], 'building', 'building_listings')
if built[1] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'listings', built[2])
redis.call('HDEL', KEYS[1], 'building', 'building_listings')
-- Replicas know by this that all they know is of another generation.
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'generation', ARGV[1])
return 1
