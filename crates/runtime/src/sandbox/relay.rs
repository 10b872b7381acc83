//! The way from TCP in a worker's own network namespace to the broker.
//!
//! The namespace leads nowhere. Before the worker is anyone's, its loopback interface is brought up and every address made one of it, and
//! sockets are made there and handed to the server, which binds them once it knows the function's endpoints. A socket stays in the
//! namespace that it was made in, whoever holds it.
#![expect(unsafe_code, reason = "an interface is brought up and a route is added; see SAFETY")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

use super::view::last_error;

/// Sockets of a worker: one for its proxy, and one for each endpoint.
pub(super) const SOCKETS: usize = 1 + domain::limits::ENDPOINTS;

/// A request to the kernel: all addresses of a family are this machine's, on the loopback interface.
#[repr(C)]
struct Route {
    length: u32,
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
    family: u8,
    lengths: [u8; 2],
    service: u8,
    table: u8,
    protocol: u8,
    scope: u8,
    route: u8,
    more: u32,
    attribute_length: u16,
    attribute: u16,
    interface: u32,
}

/// In the child: makes the sockets, and hands them over.
pub(super) fn open(to: &OwnedFd) -> Result<(), Errno> {
    up()?;
    for family in [libc::AF_INET, libc::AF_INET6] {
        // A machine without IPv6 has no such route; its workers need none.
        let done = local(family);
        if family == libc::AF_INET {
            done?;
        }
    }
    let mut sockets: [Option<OwnedFd>; SOCKETS] = [const { None }; SOCKETS];
    for socket in &mut sockets {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        *socket = Some(rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let borrowed = sockets.each_ref().map(|socket| socket.as_ref().map_or(to.as_fd(), |socket| socket.as_fd()));
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(Errno::NOBUFS);
    }
    rustix::net::sendmsg(to, &[IoSlice::new(b"!")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// In the parent, once the child has become its program.
pub(super) fn take(from: &OwnedFd) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    rustix::net::recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
    let messages = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    let sockets: Vec<OwnedFd> = messages.flatten().collect();
    if sockets.len() == SOCKETS { Ok(sockets) } else { Err(io::Error::other("the worker made no sockets")) }
}

fn up() -> Result<(), Errno> {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all zeroes is a valid request: no name, no flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes_with_nul()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    // SAFETY: reads the request, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

fn local(family: libc::c_int) -> Result<(), Errno> {
    const NEW: u16 = libc::RTM_NEWROUTE;
    let size = size_of::<Route>();
    let request = Route {
        length: u32::try_from(size).unwrap_or_default(),
        kind: NEW,
        flags: u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE).unwrap_or_default(),
        sequence: 1,
        port: 0,
        family: u8::try_from(family).unwrap_or_default(),
        lengths: [0, 0],
        service: 0,
        table: libc::RT_TABLE_LOCAL,
        protocol: libc::RTPROT_BOOT,
        scope: libc::RT_SCOPE_HOST,
        route: libc::RTN_LOCAL,
        more: 0,
        attribute_length: 8,
        attribute: libc::RTA_OIF,
        // The loopback interface is the first of every namespace.
        interface: 1,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    // SAFETY: the structure has no padding: its fields lie at their own alignments, one after another.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const request).cast::<u8>(), size) };
    rustix::net::send(&socket, bytes, SendFlags::empty())?;
    let mut answer = [0_u8; 128];
    rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    // After the answer's own head of 16 bytes comes the negated error number.
    match answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(Errno::from_raw_os_error(-error)),
        None => Err(Errno::IO),
    }
}
