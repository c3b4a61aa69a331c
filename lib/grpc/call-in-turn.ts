/**
 * One call, made of one process; of the next one when that is UNAVAILABLE, and of another one besides when that hangs
 * and the call may be repeated. The first answer counts, and whoever was asked besides is let off. Who answers ABORTED
 * has done nothing, since it stood still before it read the call: that is made again.
 */
import { status } from '@grpc/grpc-js';
import type { RpcError } from '../errors.ts';
import { isAnswer, type Attempt, type BaseClient, type Peer } from './peer.ts';
import type { Peers } from './peers.ts';

export interface Ending<Response> {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
}

export interface CallInTurn<C extends BaseClient, Response> {
  readonly peers: Peers<C>;
  /** What it does twice is as if it did it once. */
  readonly isIdempotent: boolean;
  /** Asks one process. @returns how to let it off. */
  readonly ask: (peer: Peer<C>, ending: Ending<Response>) => () => void;
  readonly toError: (error: unknown) => RpcError;
  /** Runs a task in a moment. */
  readonly later: (task: () => void) => void;
}

/** Asked again because one hangs or stood still: when many do, or all, there is no storm. */
const MAX_REPEATS = 2;

interface Asked<C extends BaseClient> extends Attempt {
  readonly peer: Peer<C>;
  letOff: () => void;
}

export function callInTurn<C extends BaseClient, Response>(
  call: CallInTurn<C, Response>,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    new Running(call, { resolve, reject }).begin();
  });
}

class Running<C extends BaseClient, Response> {
  readonly #call: CallInTurn<C, Response>;
  readonly #ending: Ending<Response>;
  readonly #turn: number;
  readonly #tried: Peer<C>[] = [];
  readonly #waiting = new Set<Asked<C>>();
  #repeats = 0;
  #isOver = false;

  constructor(call: CallInTurn<C, Response>, ending: Ending<Response>) {
    this.#call = call;
    this.#ending = ending;
    this.#turn = call.peers.nextTurn();
  }

  begin(): void {
    if (this.#askNext('ANY')) return;
    const details = this.#call.peers.problem;
    const error = Object.assign(new Error(details), { code: status.UNAVAILABLE, details });
    this.#ending.reject(this.#call.toError(error));
  }

  /** @returns whether there was one to ask. */
  #askNext(which: 'ANSWERING' | 'ANY'): boolean {
    const peer = this.#call.peers.pick(this.#turn, this.#tried, which);
    if (!peer) return false;
    this.#tried.push(peer);
    const asked: Asked<C> = { peer, onHung: () => this.#repeat(), letOff: () => undefined };
    this.#waiting.add(asked);
    peer.begin(asked);
    try {
      asked.letOff = this.#call.ask(peer, {
        resolve: (response) => this.#answered(asked, response),
        reject: (error) => this.#failed(asked, error),
      });
    } catch (error) {
      this.#failed(asked, error);
    }
    return true;
  }

  #repeat(): void {
    if (!this.#call.isIdempotent || this.#repeats >= MAX_REPEATS) return;
    if (this.#askNext('ANSWERING')) this.#repeats++;
  }

  #askAgain(): void {
    this.#tried.length = 0;
    this.#call.later(() => this.begin());
  }

  #answered(asked: Asked<C>, response: Response): void {
    asked.peer.heard();
    this.#end(asked);
    if (this.#isOver) return;
    this.#finish();
    this.#ending.resolve(response);
  }

  #failed(asked: Asked<C>, reason: unknown): void {
    const error = this.#call.toError(reason);
    if (isAnswer(error.code)) asked.peer.heard();
    this.#end(asked);
    if (this.#isOver) return;
    const isAborted = error.code === status.ABORTED;
    if (error.code === status.UNAVAILABLE && this.#askNext('ANY')) return;
    if ((isAborted || !isAnswer(error.code)) && this.#waiting.size > 0) return;
    if (isAborted && this.#repeats++ < MAX_REPEATS) return this.#askAgain();
    this.#finish();
    this.#ending.reject(error);
  }

  #end(asked: Asked<C>): void {
    this.#waiting.delete(asked);
    asked.peer.end(asked);
  }

  #finish(): void {
    this.#isOver = true;
    for (const asked of this.#waiting) {
      this.#end(asked);
      asked.letOff();
    }
  }
}
