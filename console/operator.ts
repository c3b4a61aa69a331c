/** What operators may ask: why a user is shown so, how fast changes come, which gateways are alive, and who has the shards. */
import type { Clock, Timer } from '../sdk/index.ts';
import { ApiError, type Api } from './api.ts';
import { find, make, table } from './dom.ts';
import { explanationOf, type Explanation } from './explanation.ts';
import { propagationOf, type Propagation } from './propagation.ts';
import { shardsOf, type Shard } from './shards.ts';

const REFRESH_MS = 5000;
const FORBIDDEN = 403;
const GATEWAYS = '/v1/operator/gateways';

interface Gateways {
  readonly gateways?: readonly { readonly gatewayId: string; readonly remaining?: string }[];
}

export interface Operator {
  /** Shows the section to operators. @throws ApiError when the token is refused, or nobody answers */
  open(api: Api): Promise<void>;
  close(): void;
}

export function createOperator(clock: Clock): Operator {
  const section = find('operator', HTMLElement);
  const shown = find('explanation', HTMLDivElement);
  let api: Api | undefined;
  let timer: Timer | undefined;

  const refresh = async (asked: Api): Promise<void> => {
    const [gateways, shards, propagation] = await Promise.all([
      gatewaysOf(asked).catch(problemOf),
      tableOfShards(asked).catch(problemOf),
      plotOf(asked).catch(problemOf),
    ]);
    if (api !== asked) return;
    redraw('gateways', gateways);
    redraw('shards', shards);
    redraw('propagation', propagation);
    timer = clock.after(REFRESH_MS, () => void refresh(asked));
  };
  find('explain', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const asked = api;
    if (!asked) return;
    const userId = find('explained', HTMLInputElement).value.trim();
    void explain(asked, userId)
      .catch(problemOf)
      .then((drawn) => {
        if (api === asked) shown.replaceChildren(drawn);
      });
  });
  return {
    async open(asked) {
      const isOperator = await mayAsk(asked);
      section.hidden = !isOperator;
      if (!isOperator) return;
      api = asked;
      void refresh(asked);
    },
    close() {
      api = undefined;
      timer?.cancel();
      section.hidden = true;
      shown.replaceChildren();
    },
  };
}

/** Not under the hands of whoever scrolls in it by keyboard. */
function redraw(id: string, drawn: HTMLElement): void {
  const place = find(id, HTMLDivElement);
  if (!place.contains(document.activeElement)) place.replaceChildren(drawn);
}

async function mayAsk(api: Api): Promise<boolean> {
  try {
    await api.get(GATEWAYS);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === FORBIDDEN) return false;
    throw error;
  }
}

async function gatewaysOf(api: Api): Promise<HTMLElement> {
  const { gateways = [] } = (await api.get(GATEWAYS)) as Gateways;
  const rows = gateways.map(({ gatewayId, remaining = '0s' }) => [gatewayId, remaining]);
  return table('Gateways alive', ['Gateway', 'Lease left'], rows);
}

async function tableOfShards(api: Api): Promise<HTMLElement> {
  const { shards = [] } = (await api.get('/v1/operator/shards')) as { shards?: readonly Shard[] };
  return shardsOf(shards);
}

async function plotOf(api: Api): Promise<HTMLElement> {
  return propagationOf((await api.get('/v1/operator/propagation')) as Propagation);
}

async function explain(api: Api, userId: string): Promise<HTMLElement> {
  const answer = await api.get('/v1/operator/explain', { user_id: userId });
  return explanationOf((answer as { explanation?: Explanation }).explanation ?? {});
}

function problemOf(error: unknown): HTMLElement {
  return make('p', '', error instanceof Error ? error.message : String(error));
}
