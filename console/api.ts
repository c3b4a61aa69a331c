/** The gateway's plain HTTP, asked for as whoever came in. */

const REFUSED = 401;

/** Refused, or not answered; the words are the gateway's. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0: no answer at all. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Api {
  /** @throws ApiError */
  get(path: string, query?: Readonly<Record<string, string>>): Promise<unknown>;
  /** @throws ApiError */
  send(method: 'PUT' | 'DELETE', path: string, body: object): Promise<unknown>;
}

export function createApi(token: string): Api {
  const headers = { authorization: `Bearer ${token}` };
  return {
    get: (path, query = {}) =>
      answerOf(`${path}?${new URLSearchParams(query).toString()}`, { headers }),
    send: (method, path, body) => answerOf(path, { method, headers, body: JSON.stringify(body) }),
  };
}

/** @throws ApiError */
export async function answerOf(url: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(url, init).catch(() => {
    throw new ApiError(0, 'the gateway does not answer');
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(response.status, messageIn(body) ?? response.statusText);
  return body;
}

/** In the gateway's words; undefined: the token is good, or there is nobody to say that it is not. */
export async function refusalOf(api: Api): Promise<string | undefined> {
  const problem: unknown = await api
    .get('/v1/presence', { user_id: 'nobody' })
    .catch((e: unknown) => e);
  return problem instanceof ApiError && problem.status === REFUSED ? problem.message : undefined;
}

function messageIn(body: unknown): string | undefined {
  return (body as { error?: { message?: string } } | undefined)?.error?.message;
}
