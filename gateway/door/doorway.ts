/** Who comes in: tokens are checked, sessions made and counted, for WebSockets and server-sent events alike. */
import { deviceProblem } from '../../lib/device-name.ts';
import { traceparentFrom } from '../../lib/telemetry/spans.ts';
import { AuthError, tokenOf, type Authenticator, type Identity } from './auth.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { Excuse } from '../excuses.ts';
import type { RateLimit } from '../limits/frame-rate.ts';
import { refusal, RETRY_AFTER } from '../server/http-answers.ts';
import type { Hub } from '../sessions/hub.ts';
import { Outlet } from '../sessions/outlet.ts';
import type { RequestRate } from '../limits/request-rate.ts';
import type { SessionContext } from '../sessions/session-options.ts';
import { Session } from '../sessions/session.ts';
import type { Sink } from '../sessions/sink.ts';
import type { HttpAnswer, HttpRequest } from '../server/socket-server.ts';
import type { Watches } from '../sessions/watches.ts';

export interface DoorwayOptions {
  readonly context: SessionContext;
  readonly authenticator: Authenticator;
  readonly hub: Hub;
  readonly watches: Watches;
  readonly requestRate: RequestRate;
  /** Whether anybody can be let in now. */
  readonly isOpen: () => boolean;
  readonly excuse: Excuse;
}

/** Somebody let in, about to be connected. */
export interface Visitor extends Identity {
  readonly device: string;
  /** That of an operator's client, valid; '' for none. */
  readonly traceparent: string;
  /** That of anybody else's. */
  readonly linked: string;
}

export interface Doorway {
  /** Who asks, or the refusal. */
  identify(request: HttpRequest): Promise<Identity | HttpAnswer>;
  /** The same for a connection that is to stay. */
  admit(request: HttpRequest): Promise<Visitor | HttpAnswer>;
  /** Opens a session for a connection. It may be closed again already: too many. */
  enter(visitor: Visitor, sink: Sink, options: { readonly beatsItself: boolean }): Session;
}

const CLOSED =
  'this gateway lets nobody in now: it starts, stops, or is cut off from the others; try again in a second, or another gateway';

export function createDoorway(options: DoorwayOptions): Doorway {
  const { context, hub, watches, requestRate } = options;
  const identify = async (request: HttpRequest): Promise<Identity | HttpAnswer> => {
    try {
      const identity = await options.authenticator.authenticate(tokenOf(request));
      return requestRate.allows(identity.userId) ? identity : tooMany(requestRate.limit);
    } catch (error) {
      return refusalOf(error, request, options.excuse);
    }
  };
  return {
    identify,
    async admit(request) {
      if (!options.isOpen()) return refusal(503, CLOSED, RETRY_AFTER);
      const device = request.query.get('device') ?? '';
      const problem = deviceProblem(device);
      if (problem) return refusal(400, `device: ${problem}`);
      const identity = await identify(request);
      if ('body' in identity) return identity;
      const brought = traceparentFrom(request.header('traceparent'));
      // A parent decides on sampling: anybody could have all they do traced.
      const [traceparent, linked] = identity.isOperator ? [brought, ''] : ['', brought];
      return { ...identity, device, traceparent, linked };
    },
    enter(visitor, sink, { beatsItself }) {
      const session: Session = new Session(context, {
        ...visitor,
        beatsItself,
        outlet: new Outlet(sink, context.clock, context.events.conflated),
        onClosed: () => {
          hub.remove(session);
          watches.drop(session);
        },
      });
      if (hub.add(session)) session.start();
      else session.abandon(CLOSE.tooManyConnections);
      return session;
    },
  };
}

function tooMany({ perSecond, burst }: RateLimit): HttpAnswer {
  const limit = `${perSecond} requests a second, ${burst} at once`;
  return refusal(429, `too many requests of this user: no more than ${limit}`, RETRY_AFTER);
}

function refusalOf(error: unknown, { path }: HttpRequest, excuse: Excuse): HttpAnswer {
  if (!(error instanceof AuthError))
    return refusal(503, excuse(error, { what: path }), RETRY_AFTER);
  const challenge = { 'www-authenticate': 'Bearer realm="presence-mesh"' };
  return refusal(401, error.message, challenge);
}
