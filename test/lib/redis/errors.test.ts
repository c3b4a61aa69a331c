import { expect, test } from '@jest/globals';
import { redisErrorOf } from '../../../lib/redis/errors.ts';

test.each([
  'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
  "Stream isn't writeable and enableOfflineQueue options is false",
])('%#: a connection that breaks is told in words a client can use', (message) => {
  const error = redisErrorOf(new Error(message), '127.0.0.1:6379');
  expect(error.code).toBe('UNAVAILABLE');
  expect(error.message).toBe('Redis at 127.0.0.1:6379: the connection broke');
});
