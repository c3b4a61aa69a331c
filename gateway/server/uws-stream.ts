import type uWS from 'uWebSockets.js';
import type { HttpStream, StreamAnswer, StreamListener } from './socket-server.ts';

/** One response without end. uWebSockets.js throws on any use of an ended one; here nothing happens then. */
export class Stream implements HttpStream {
  #response: uWS.HttpResponse | undefined;
  #listener: StreamListener | undefined;

  constructor(response: uWS.HttpResponse) {
    this.#response = response;
  }

  opened(open: StreamAnswer['open']): void {
    const listener = open(this);
    // Whoever opened it may have refused it at once.
    if (!this.#response) return listener.onClose();
    this.#listener = listener;
    this.#response.onWritable(() => {
      this.#listener?.onDrain();
      return true;
    });
  }

  closed(): void {
    const listener = this.#listener;
    this.#response = undefined;
    this.#listener = undefined;
    listener?.onClose();
  }

  write(chunk: Uint8Array | string): boolean {
    return this.#response === undefined || this.#response.write(chunk);
  }

  cork(task: () => void): void {
    this.#response?.cork(task);
  }

  end(): void {
    const response = this.#response;
    this.closed();
    response?.end();
  }
}
