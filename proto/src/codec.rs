//! How messages become bytes: prost's codec with small buffers.
//!
//! Why: tonic gives each side of a stream 8 KiB before the first byte, and an agent's stream lasts for as
//! long as the agent does, nearly always idle. With thousands of agents that is most of what the hub holds for
//! them. A buffer grows to what a message needs.

use prost::Message;
use std::marker::PhantomData;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::ProstCodec;

/// Bytes that a buffer begins with.
const BEGINS: usize = 256;
/// Bytes after which what is written goes out, as tonic has it by default.
const GOES: usize = 32 * 1024;

/// The codec of every rpc of the protocol.
#[derive(Debug, Clone)]
pub(crate) struct Small<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Small<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Small<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = <ProstCodec<T, U> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BEGINS, GOES))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::new(BEGINS, GOES))
    }
}
