/** Many requests over one stream: what travels, in the shape that the contracts give it. */
export interface Question<Request> {
  /** Unlike those of all others of the stream that wait for an answer. */
  requestId: bigint;
  /** What the metadata of a call would be. */
  metadata: { [name: string]: string };
  request: Request | undefined;
}

export interface Answer<Response> {
  requestId: bigint;
  outcome:
    | { $case: 'response'; value: Response }
    | { $case: 'failure'; value: { code: number; message: string } }
    | undefined;
}
