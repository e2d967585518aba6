//! A proxy for tests that opens ways by CONNECT, and by SOCKS 5 without a login; counts them.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A running proxy, for as long as the process runs.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    ways: Arc<AtomicUsize>,
}

impl Proxy {
    /// Lets in who brings this `Proxy-Authorization`, everybody without one.
    pub(crate) fn start(authorization: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let ways = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&ways);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || serve(stream, authorization, &counted).ok());
            }
        });
        Self { address, ways }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ways opened so far.
    pub(crate) fn ways(&self) -> usize {
        self.ways.load(Ordering::Acquire)
    }
}

fn serve(stream: TcpStream, authorization: Option<&str>, ways: &AtomicUsize) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let target = match reader.fill_buf()?.first() {
        Some(5) => socks(&mut reader)?,
        _ => match connect(&mut reader, authorization)? {
            Some(target) => target,
            None => return Ok(()),
        },
    };
    let server = TcpStream::connect(target)?;
    ways.fetch_add(1, Ordering::AcqRel);
    let client = reader.into_inner();
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || carry(from, to));
    carry(server, client);
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Write).ok();
}

fn connect(reader: &mut BufReader<TcpStream>, authorization: Option<&str>) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let given = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then_some(value.trim())
    });
    if authorization.is_some() && given != authorization {
        reader.get_mut().write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(None);
    }
    let target = head[0].split_whitespace().nth(1).unwrap_or_default().to_owned();
    reader.get_mut().write_all(b"HTTP/1.1 200 Go\r\n\r\n")?;
    Ok(Some(target))
}

fn socks(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut hello = [0; 3];
    reader.read_exact(&mut hello)?;
    reader.get_mut().write_all(&[5, 0])?;
    let mut request = [0; 5];
    reader.read_exact(&mut request)?;
    let mut rest = vec![0; usize::from(request[4]) + 2];
    reader.read_exact(&mut rest)?;
    let (name, port) = rest.split_at(rest.len() - 2);
    reader.get_mut().write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(format!("{}:{}", String::from_utf8_lossy(name), u16::from_be_bytes([port[0], port[1]])))
}
