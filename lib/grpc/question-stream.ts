/**
 * Asks one process over one long-lived stream, which is opened at the first request and again whenever it broke. What
 * waits when it breaks is answered with UNAVAILABLE, as calls of their own would be.
 */
import { status, type ClientDuplexStream } from '@grpc/grpc-js';
import type { Ending } from './call-in-turn.ts';
import type { Answer, Question } from './questions.ts';

export type QuestionCall<Request, Response> = ClientDuplexStream<
  Question<Request>,
  Answer<Response>
>;

export interface QuestionStreamOptions<Request, Response> {
  readonly open: () => QuestionCall<Request, Response>;
  /** An answer came, be it one that nobody waits for any more. */
  readonly onHeard: () => void;
}

interface Waiting<Response> extends Ending<Response> {
  readonly timeoutMs: number;
  /** In the time that `expire` is told. */
  readonly giveUpAtMs: number;
}

export interface Asking<Request> {
  readonly request: Request;
  readonly metadata: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly nowMs: number;
}

export class QuestionStream<Request, Response> implements Disposable {
  readonly #options: QuestionStreamOptions<Request, Response>;
  readonly #waiting = new Map<bigint, Waiting<Response>>();
  #call: QuestionCall<Request, Response> | undefined;
  #lastId = 0n;

  constructor(options: QuestionStreamOptions<Request, Response>) {
    this.#options = options;
  }

  /** Ends like a call of grpc-js: with an error that has `code` and `details`. @returns how to give it up. */
  ask(
    { request, metadata, timeoutMs, nowMs }: Asking<Request>,
    { resolve, reject }: Ending<Response>,
  ): () => void {
    const requestId = ++this.#lastId;
    this.#waiting.set(requestId, { resolve, reject, timeoutMs, giveUpAtMs: nowMs + timeoutMs });
    this.#call ??= this.#open();
    this.#call.write({ requestId, metadata, request });
    return () => void this.#waiting.delete(requestId);
  }

  /** Gives up what has waited too long. */
  expire(nowMs: number): void {
    for (const [requestId, { giveUpAtMs, timeoutMs }] of this.#waiting) {
      if (giveUpAtMs > nowMs) continue;
      const problem = `no answer within ${timeoutMs} ms`;
      this.#remove(requestId)?.reject(failure(status.DEADLINE_EXCEEDED, problem));
    }
  }

  [Symbol.dispose](): void {
    const call = this.#call;
    if (!call) return;
    this.#broken(call, failure(status.CANCELLED, 'the caller stops'));
    call.cancel();
  }

  #open(): QuestionCall<Request, Response> {
    const call = this.#options.open();
    call.on('data', (answer: Answer<Response>) => this.#take(answer));
    call.on('error', (error) => this.#broken(call, error));
    call.on('end', () => this.#broken(call, failure(status.UNAVAILABLE, 'the process stops')));
    return call;
  }

  #take({ requestId, outcome }: Answer<Response>): void {
    this.#options.onHeard();
    const waiting = this.#remove(requestId);
    if (!waiting) return; // it was given up
    if (outcome?.$case === 'response') waiting.resolve(outcome.value);
    else waiting.reject(failureIn(outcome?.value));
  }

  #remove(requestId: bigint): Waiting<Response> | undefined {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    return waiting;
  }

  #broken(call: QuestionCall<Request, Response>, error: unknown): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    for (const requestId of [...this.#waiting.keys()]) this.#remove(requestId)?.reject(error);
  }
}

function failureIn(said: { code: number; message: string } | undefined): Error {
  if (said) return failure(said.code, said.message);
  return failure(status.INTERNAL, 'the answer says neither what was asked for nor why not');
}

function failure(code: number, details: string): Error {
  return Object.assign(new Error(details), { code, details });
}
