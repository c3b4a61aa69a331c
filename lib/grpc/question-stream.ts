/**
 * Asks one process over one long-lived stream, which is opened at the first request and again whenever it broke. What
 * waits when it breaks is answered with UNAVAILABLE, as calls of their own would be.
 */
import { status, type ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock, Timer } from '../clock.ts';
import type { Answer, Question } from './questions.ts';

export type QuestionCall<Request, Response> = ClientDuplexStream<
  Question<Request>,
  Answer<Response>
>;

export interface QuestionStreamOptions<Request, Response> {
  readonly open: () => QuestionCall<Request, Response>;
  readonly clock: Clock;
}

interface Waiting<Response> {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: Timer;
}

export class QuestionStream<Request, Response> implements Disposable {
  readonly #options: QuestionStreamOptions<Request, Response>;
  readonly #waiting = new Map<bigint, Waiting<Response>>();
  #call: QuestionCall<Request, Response> | undefined;
  #lastId = 0n;

  constructor(options: QuestionStreamOptions<Request, Response>) {
    this.#options = options;
  }

  /** Rejects like a call of grpc-js: with an error that has `code` and `details`. */
  ask(
    request: Request,
    metadata: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const requestId = ++this.#lastId;
      const timer = this.#options.clock.after(timeoutMs, () => this.#timeOut(requestId, timeoutMs));
      this.#waiting.set(requestId, { resolve, reject, timer });
      this.#call ??= this.#open();
      this.#call.write({ requestId, metadata, request });
    });
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
    const waiting = this.#remove(requestId);
    if (!waiting) return; // it was given up
    if (outcome?.$case === 'response') waiting.resolve(outcome.value);
    else waiting.reject(failureIn(outcome?.value));
  }

  #remove(requestId: bigint): Waiting<Response> | undefined {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    waiting?.timer.cancel();
    return waiting;
  }

  #timeOut(requestId: bigint, timeoutMs: number): void {
    const problem = `no answer within ${timeoutMs} ms`;
    this.#remove(requestId)?.reject(failure(status.DEADLINE_EXCEEDED, problem));
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
