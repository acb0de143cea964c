-- Put the generation that a rebuild has filled in force, in one step.
-- KEYS[1] metadata hash   KEYS[2] change log   ARGV[1] the generation that was filled
-- Returns 1, or 0 when another or no generation is being filled.
local built = redis.call('HMGET', KEYS[1], 'building', 'building_listings')
if built[1] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'listings', built[2])
redis.call('HDEL', KEYS[1], 'building', 'building_listings')
-- This entry makes every replica load the new generation.
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'generation', ARGV[1])
return 1
