/** A private Kafka for a test: up in about 3 s. Most tests share one: see shared-servers.ts. */
import { installKafka, kafkaServer } from '../../cli/stack/kafka.ts';
import { systemClock } from '../../lib/clock.ts';
import { freePort } from './free-port.ts';
import { startServer, type TestServer } from './server.ts';

export interface TestKafka extends TestServer {
  readonly port: number;
  /** As `MESH_KAFKA_BROKERS` wants it. */
  readonly brokers: string;
}

export async function startKafka(): Promise<TestKafka> {
  const jars = await installKafka({ clock: systemClock, say: console.error });
  const [port, controllerPort] = [await freePort(), await freePort()];
  const server = await startServer('kafka', (dir) =>
    kafkaServer({ dir, jars, port, controllerPort }),
  );
  return { ...server, port, brokers: `127.0.0.1:${port}` };
}
